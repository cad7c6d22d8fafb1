package standalone

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"example.com/clew/clew/internal/logs"
	"example.com/clew/clew/internal/supervise"
	"example.com/clew/clew/state"
)

// defaults are what services are told unless the user has said otherwise. On
// one machine a process that is not heard of for 3 s is dead.
var defaults = [...][2]string{
	{"CLEW_TEST_MODE", "on"},
	{"CLEW_CLAIM_AFTER", "3s"},
	{"CLEW_HEARTBEAT", "1s"},
}

// serviceChild is the nth replica of a service: this same program, told by its
// environment where to listen and whom to call.
func serviceChild(c Config, clew, service string, n int, listen replica, known state.State) supervise.Child {
	name := fmt.Sprintf("%s-%d", service, n)
	env := append(os.Environ(),
		strings.ToUpper(service)+"_ADDR="+listen.addr,
		"ADMIN_ADDR="+listen.admin,
		"REDIS_URL="+known.Redis.URL, // the rest is in the environment, if anything is
		"DATABASE_URL="+c.database(service),
		"CLEW_TOKEN="+known.Token,
		"CLEW_INSTANCE="+name,
	)
	for _, variable := range defaults {
		if os.Getenv(variable[0]) == "" {
			env = append(env, variable[0]+"="+variable[1])
		}
	}
	return supervise.Child{
		Name:  name,
		Args:  []string{clew, "service", service},
		Env:   append(env, exporter(c)...),
		Log:   logs.Path(c.Dir, name),
		Admin: baseURL(listen.admin),
		Ready: func(ctx context.Context) error { return askReady(ctx, baseURL(listen.admin)+"/readyz") },
	}
}

// database is the URL of a service's database.
func (c Config) database(service string) string {
	configured := map[string]string{"order": c.OrderDatabase, "inventory": c.InventoryDatabase}[service]
	if configured != "" {
		return configured
	}
	return (&url.URL{Scheme: "sqlite", Path: databasePath(c.Dir, service)}).String()
}

func databasePath(dir, service string) string { return filepath.Join(dir, service+".db") }

// exporter sends a service's telemetry to the viewer, unless the user has said where it goes.
func exporter(c Config) []string {
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" {
		return nil
	}
	endpoint := c.OTLPHTTP
	if os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc" {
		endpoint = c.OTLPGRPC
	}
	return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + baseURL(endpoint)}
}

func askReady(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Close = true // no idle connection outlives the question
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 500))
	if response.StatusCode == http.StatusOK && !bytes.Contains(body, []byte(`"status":"degraded"`)) { // that is: Redis too
		return nil
	}
	return fmt.Errorf("GET %s: %s: %s", url, response.Status, body)
}
