package service_test

import (
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/services/messaging"
	"example.com/clew/services/service"
)

// lampsConfig is a Config as a service has it.
type lampsConfig struct {
	service.Config
	Addr string `env:"LAMPS_ADDR" envDefault:"127.0.0.1:7000"`
}

func read(variables map[string]string) (lampsConfig, error) {
	var cfg lampsConfig
	err := service.ReadConfig("lamps", &cfg, &cfg.Config, variables)
	return cfg, err
}

var required = map[string]string{"REDIS_URL": "redis://127.0.0.1:6379/0", "DATABASE_URL": "sqlite:///tmp/lamps.db"}

func with(variables map[string]string) map[string]string {
	all := maps.Clone(required)
	maps.Copy(all, variables)
	return all
}

func TestConfig(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	defaults := lampsConfig{service.Config{
		Redis: messaging.Redis{URL: required["REDIS_URL"]}, DatabaseURL: required["DATABASE_URL"],
		Partitions: 1, Instance: "lamps-" + host, TrustCaller: true,
		Propagation: true, TraceRelation: messaging.SameTrace, ClaimAfter: 15 * time.Second, Heartbeat: 5 * time.Second,
	}, "127.0.0.1:7000"}
	for name, test := range map[string]struct {
		variables map[string]string
		want      lampsConfig
	}{
		"defaults": {required, defaults},
		"empty is unset": {with(map[string]string{
			"LAMPS_ADDR": "", "CLEW_PARTITIONS": "", "CLEW_TRUST_CALLER": "", "CLEW_INSTANCE": "", "CLEW_ALLOWED_HOSTS": "",
			"CLEW_PROPAGATION": "", "CLEW_TRACE_RELATION": "", "CLEW_CLAIM_AFTER": "", "CLEW_HEARTBEAT": "", "CLEW_TEST_MODE": "",
		}), defaults},
		"everything": {with(map[string]string{
			"LAMPS_ADDR": "127.0.0.1:1", "CLEW_PARTITIONS": "256", "CLEW_INSTANCE": "lamps-7", "CLEW_TOKEN": "t",
			"CLEW_ALLOWED_HOSTS": "lamps,clew.example", "CLEW_TRUST_CALLER": "off",
			"CLEW_PROPAGATION": "off", "CLEW_TRACE_RELATION": "link", "CLEW_CLAIM_AFTER": "3s", "CLEW_HEARTBEAT": "1.5s", "CLEW_TEST_MODE": "on",
		}), lampsConfig{service.Config{
			Redis: messaging.Redis{URL: required["REDIS_URL"]}, DatabaseURL: required["DATABASE_URL"],
			Partitions: 256, Instance: "lamps-7", Token: "t", AllowedHosts: []string{"lamps", "clew.example"},
			TraceRelation: messaging.LinkOnly, ClaimAfter: 3 * time.Second, Heartbeat: 1500 * time.Millisecond, TestMode: true,
		}, "127.0.0.1:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(test.variables)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAWrongConfigNamesEveryVariable(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		want      []string
	}{
		"nothing": {nil, []string{
			"REDIS_URL is not set, expected a URL such as redis://127.0.0.1:6379/0",
			"DATABASE_URL is not set, expected a URL such as sqlite:///var/lib/clew/lamps.db or postgres://lamps:password@127.0.0.1/lamps",
		}},
		"everything": {map[string]string{
			"REDIS_URL": "http://:secret@host", "DATABASE_URL": "mysql://:secret@host", "CLEW_PARTITIONS": "none", "CLEW_TRUST_CALLER": "yes",
			"CLEW_PROPAGATION": "1", "CLEW_TRACE_RELATION": "child", "CLEW_CLAIM_AFTER": "15", "CLEW_HEARTBEAT": "0s", "CLEW_TEST_MODE": "true",
		}, []string{
			`CLEW_PARTITIONS is "none", expected a whole number from 1 to 256`,
			`CLEW_TRUST_CALLER is "yes", expected on or off`,
			`CLEW_PROPAGATION is "1", expected on or off`,
			`CLEW_TRACE_RELATION is "child", expected parent or link`,
			`CLEW_CLAIM_AFTER is "15", expected a duration above 0, such as 5s or 200ms`,
			`CLEW_HEARTBEAT is "0s", expected a duration above 0, such as 5s or 200ms`,
			`CLEW_TEST_MODE is "true", expected on or off`,
			"REDIS_URL is wrong, expected a URL such as redis://127.0.0.1:6379/0",
			"DATABASE_URL is wrong, expected a URL such as sqlite:///var/lib/clew/lamps.db or postgres://lamps:password@127.0.0.1/lamps",
		}},
		"claims too soon": {with(map[string]string{"CLEW_CLAIM_AFTER": "1999ms", "CLEW_HEARTBEAT": "1s"}), []string{
			"CLEW_CLAIM_AFTER is 1.999s, expected at least two heartbeats, and CLEW_HEARTBEAT is 1s",
		}},
		"no address":    {with(map[string]string{"LAMPS_ADDR": "lamps"}), []string{`LAMPS_ADDR is "lamps", expected host:port, such as 127.0.0.1:8080, with a port from 0 (any) to 65535`}},
		"no such port":  {with(map[string]string{"LAMPS_ADDR": ":65536"}), []string{`LAMPS_ADDR is ":65536", expected host:port, such as 127.0.0.1:8080, with a port from 0 (any) to 65535`}},
		"a port's name": {with(map[string]string{"LAMPS_ADDR": ":http"}), []string{`LAMPS_ADDR is ":http", expected host:port, such as 127.0.0.1:8080, with a port from 0 (any) to 65535`}},
		"no host names": {with(map[string]string{"CLEW_ALLOWED_HOSTS": "lamps,http://clew.example"}), []string{
			`CLEW_ALLOWED_HOSTS has "http://clew.example", expected host names, separated by commas`,
		}},
		"misspelt": {with(map[string]string{"CLEW_TESTMODE": "on", "CLEW_PARTITION": "2", "clew_token": "t", "CLEW_DIR": "x"}), []string{
			"CLEW_PARTITION is not read, expected CLEW_PARTITIONS",
			"CLEW_TESTMODE is not read, expected CLEW_TEST_MODE",
			"clew_token is not read, expected CLEW_TOKEN",
		}},
		"too few partitions":  {with(map[string]string{"CLEW_PARTITIONS": "0"}), []string{`CLEW_PARTITIONS is "0", expected a whole number from 1 to 256`}},
		"too many partitions": {with(map[string]string{"CLEW_PARTITIONS": "257"}), []string{`CLEW_PARTITIONS is "257", expected a whole number from 1 to 256`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(test.variables)
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
