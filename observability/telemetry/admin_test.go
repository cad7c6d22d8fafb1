package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

func TestLivez(t *testing.T) {
	var failure error
	admin := bareTelemetry().AdminHandler(func() error { return failure }, nil, nil)

	if response := get(t, admin, "/livez"); response.Code != http.StatusOK || response.Body.String() != "ok" {
		t.Errorf("alive: %d %s", response.Code, response.Body)
	}
	failure = errors.New("the relay has stopped")
	if response := get(t, admin, "/livez"); response.Code != http.StatusServiceUnavailable ||
		response.Body.String() != "the relay has stopped\n" {
		t.Errorf("not alive: %d %s", response.Code, response.Body)
	}
}

func TestReadyz(t *testing.T) {
	ok := func(context.Context) error { return nil }
	refused := func(context.Context) error { return errors.New("connection refused") }
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

	type checks = map[string]func(context.Context) error
	for name, test := range map[string]struct {
		needs, uses checks
		code        int
		body        string
		took        time.Duration
	}{
		"no checks": {nil, nil, 200, `{"status":"ok","checks":{}}`, 0},
		"all well":  {checks{"database": ok}, checks{"redis": ok}, 200, `{"status":"ok","checks":{"database":"ok","redis":"ok"}}`, 0},
		"what it needs is away": {checks{"database": refused}, checks{"redis": ok}, 503,
			`{"status":"unavailable","checks":{"database":"connection refused","redis":"ok"}}`, 0},
		"what it uses is away": {checks{"database": ok}, checks{"redis": refused}, 200,
			`{"status":"degraded","checks":{"database":"ok","redis":"connection refused"}}`, 0},
		"two hang, side by side": {checks{"database": hangs}, checks{"redis": hangs}, 503,
			`{"status":"unavailable","checks":{"database":"context deadline exceeded","redis":"context deadline exceeded"}}`, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now() // the bubble's clock
				response := get(t, bareTelemetry().AdminHandler(nil, test.needs, test.uses), "/readyz")
				if response.Code != test.code || response.Header().Get("Content-Type") != "application/json" {
					t.Errorf("%d, %s", response.Code, response.Header().Get("Content-Type"))
				}
				if diff := cmp.Diff(test.body, strings.TrimSpace(response.Body.String())); diff != "" {
					t.Errorf("body (-want +got):\n%s", diff)
				}
				if !json.Valid(response.Body.Bytes()) {
					t.Error("the body is not JSON")
				}
				if took := time.Since(start); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
			})
		})
	}
}

func TestMetricsSurviveABrokenCollector(t *testing.T) {
	tel := bareTelemetry()
	works := prometheus.NewCounter(prometheus.CounterOpts{Name: "works_total", Help: "For this test."})
	tel.Registry.MustRegister(works, broken{})
	response := get(t, tel.AdminHandler(nil, nil, nil), "/metrics")
	if response.Code != http.StatusOK || !strings.Contains(response.Body.String(), "works_total 0") {
		t.Errorf("%d:\n%s", response.Code, response.Body)
	}
}

// broken is a collector that cannot read what it reports.
type broken struct{}

func (broken) Describe(chan<- *prometheus.Desc) {}

func (broken) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(prometheus.NewDesc("broken", "For this test.", nil, nil), errors.New("no answer"))
}

func TestProfiles(t *testing.T) {
	admin := bareTelemetry().AdminHandler(nil, nil, nil)
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/goroutine?debug=1", "/debug/pprof/cmdline", "/debug/pprof/symbol"} {
		if response := get(t, admin, path); response.Code != http.StatusOK {
			t.Errorf("%s: %d", path, response.Code)
		}
	}
}

func bareTelemetry() *Telemetry {
	return &Telemetry{Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler)}
}

func get(t *testing.T, handler http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return response
}
