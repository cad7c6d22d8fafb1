package service

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"example.com/clew/services/messaging"
)

// Config is the configuration that all services share. A service embeds it in a Config of its own. ReadConfig sets the
// defaults; the zero value has none.
type Config struct {
	messaging.Redis

	DatabaseURL  string   `env:"DATABASE_URL"`                      // sqlite:///path/to/file, postgres://user:password@host/name
	Partitions   int      `env:"CLEW_PARTITIONS" envDefault:"1"`    // of each stream, the same in all services
	Instance     string   `env:"CLEW_INSTANCE"`                     // which replica this is; <service>-<hostname>
	Token        string   `env:"CLEW_TOKEN"`                        // bearer token of protected requests; empty refuses them all
	AllowedHosts []string `env:"CLEW_ALLOWED_HOSTS"`                // host names that are served, besides localhost
	TrustCaller  bool     `env:"CLEW_TRUST_CALLER" envDefault:"on"` // continue the trace of a request

	Propagation   bool               `env:"CLEW_PROPAGATION" envDefault:"on"`        // messages carry their trace context
	TraceRelation messaging.Relation `env:"CLEW_TRACE_RELATION" envDefault:"parent"` // of processing to the message's creation
	ClaimAfter    time.Duration      `env:"CLEW_CLAIM_AFTER" envDefault:"15s"`       // silence after which a consumer counts as dead
	Heartbeat     time.Duration      `env:"CLEW_HEARTBEAT" envDefault:"5s"`          // time between a consumer's signs of life
	TestMode      bool               `env:"CLEW_TEST_MODE" envDefault:"off"`         // test SKUs misbehave, baggage steers traces
}

// ReadConfig reads a service's Config from environment variables. into points to it, and common to the Config embedded in
// it. The error has a line for each variable that is wrong, with what was expected. It does not repeat URLs, because they may
// hold passwords.
func ReadConfig(service string, into any, common *Config, variables map[string]string) error {
	problems := misspelt(variables)
	err := env.ParseWithOptions(into, env.Options{
		Environment: variables,
		OnSet: func(variable string, value any, _ bool) {
			switch text := fmt.Sprint(value); {
			case strings.HasSuffix(variable, "_ADDR"):
				problems = append(problems, checkAddr(variable, text))
			case strings.HasSuffix(variable, "_DATABASE_URL") && text != "":
				problems = append(problems, checkDatabaseURL(variable, text, service))
			}
		},
		FuncMap: map[reflect.Type]env.ParserFunc{
			reflect.TypeFor[bool]():               parseOnOff,
			reflect.TypeFor[int]():                parsePartitions,
			reflect.TypeFor[messaging.Relation](): parseRelation,
			reflect.TypeFor[time.Duration]():      parseDuration,
		},
	})
	problems = append(problems, named(err, reflect.TypeOf(into).Elem(), variables))
	client, err := messaging.Connect(common.Redis)
	if err == nil {
		err = client.Close()
	}
	problems = append(problems, err, checkDatabaseURL("DATABASE_URL", common.DatabaseURL, service))
	for _, host := range common.AllowedHosts {
		if host == "" || strings.ContainsAny(host, " /*@") {
			problems = append(problems, fmt.Errorf("CLEW_ALLOWED_HOSTS has %q, expected host names, separated by commas", host))
		}
	}
	if common.ClaimAfter/2 < common.Heartbeat && common.ClaimAfter > 0 { // 0: could not be read
		problems = append(problems, fmt.Errorf("CLEW_CLAIM_AFTER is %s, expected at least two heartbeats, and CLEW_HEARTBEAT is %s",
			common.ClaimAfter, common.Heartbeat))
	}
	if common.Instance == "" {
		host, err := os.Hostname()
		if err != nil {
			problems = append(problems, fmt.Errorf("CLEW_INSTANCE is not set, and this machine has no name: %w", err))
		}
		common.Instance = service + "-" + host
	}
	return errors.Join(problems...)
}

// misspelt refuses variables that nobody reads, but that differ from one of Config only by underscores, capitals or an S at
// the end.
func misspelt(variables map[string]string) (problems []error) {
	plain := func(name string) string {
		return strings.TrimSuffix(strings.ToUpper(strings.ReplaceAll(name, "_", "")), "S")
	}
	meant := map[string]string{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		name := field.Tag.Get("env")
		meant[plain(name)] = name
	}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if is := meant[plain(name)]; is != "" && is != name {
			problems = append(problems, fmt.Errorf("%s is not read, expected %s", name, is))
		}
	}
	return problems
}

func checkAddr(variable, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%s is %q, expected host:port, such as 127.0.0.1:8080, with a port from 0 (any) to 65535", variable, addr)
	}
	return nil
}

func checkDatabaseURL(variable, url, service string) error {
	if scheme, _, _ := strings.Cut(url, "://"); slices.Contains([]string{"sqlite", "postgres", "postgresql"}, scheme) {
		return nil
	}
	return wrong(variable, url, fmt.Sprintf(
		"a URL such as sqlite:///var/lib/clew/%s.db or postgres://%s:password@127.0.0.1/%s", service, service, service))
}

func wrong(variable, value, expected string) error {
	if value == "" {
		return fmt.Errorf("%s is not set, expected %s", variable, expected)
	}
	return fmt.Errorf("%s is wrong, expected %s", variable, expected)
}

// named replaces the names of fields in env's errors by those of their variables.
func named(err error, config reflect.Type, variables map[string]string) error {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return err
	}
	var problems []error
	for _, err := range all.Errors {
		var parsing env.ParseError
		if errors.As(err, &parsing) {
			field, _ := config.FieldByName(parsing.Name)
			variable := field.Tag.Get("env")
			err = fmt.Errorf("%s is %q, expected %w", variable, variables[variable], parsing.Err)
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func parseOnOff(text string) (any, error) {
	if text != "on" && text != "off" {
		return nil, errors.New("on or off")
	}
	return text == "on", nil
}

func parsePartitions(text string) (any, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > messaging.MaxPartitions {
		return nil, fmt.Errorf("a whole number from 1 to %d", messaging.MaxPartitions)
	}
	return n, nil
}

func parseRelation(text string) (any, error) {
	switch text {
	case "parent":
		return messaging.SameTrace, nil
	case "link":
		return messaging.LinkOnly, nil
	default:
		return nil, errors.New("parent or link")
	}
}

func parseDuration(text string) (any, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return nil, errors.New("a duration above 0, such as 5s or 200ms")
	}
	return d, nil
}
