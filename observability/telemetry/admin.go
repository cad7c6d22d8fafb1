package telemetry

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyTimeout bounds each readiness check.
const readyTimeout = 2 * time.Second

// AdminHandler returns the routes of a process's admin port; the caller may add more.
//
//	GET /metrics        the registry, as OpenMetrics with exemplars for a scraper that accepts it
//	GET /livez          200 "ok", or 503 and the error of live: for the process's own loops, not its dependencies
//	GET /readyz         200 or 503, and the result of each check:
//	                    {"status":"degraded","checks":{"database":"ok","redis":"connection refused"}}
//	    /debug/pprof/   Go's profiles
//
// If a check of needs fails, the status is "unavailable", 503. If only checks of uses fail, it is "degraded", but 200: a load
// balancer should not remove a process that still works. The checks run concurrently, with a context that ends after 2 s; the
// answer waits until all have returned.
func (t *Telemetry) AdminHandler(live func() error, needs, uses map[string]func(context.Context) error) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(t.Registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true,
		// One collector that fails must not hide the others.
		ErrorHandling: promhttp.ContinueOnError,
		ErrorLog:      slog.NewLogLogger(t.Logger.Handler(), slog.LevelError),
		Registry:      t.Registry,
	}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		if err := live(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok")
	})
	mux.HandleFunc("GET /readyz", readyHandler(needs, uses))

	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func readyHandler(needs, uses map[string]func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()

		var answer struct {
			Status string            `json:"status"`
			Checks map[string]string `json:"checks"`
		}
		answer.Status, answer.Checks = "ok", map[string]string{}
		code := http.StatusOK

		var mu sync.Mutex
		var wg sync.WaitGroup
		var unavailable, degraded bool
		ask := func(checks map[string]func(context.Context) error, failed *bool) {
			for name, check := range checks {
				wg.Go(func() {
					err := check(ctx)
					mu.Lock()
					defer mu.Unlock()
					answer.Checks[name] = "ok"
					if err != nil {
						answer.Checks[name], *failed = err.Error(), true
					}
				})
			}
		}
		ask(needs, &unavailable)
		ask(uses, &degraded)
		wg.Wait()
		switch {
		case unavailable:
			answer.Status, code = "unavailable", http.StatusServiceUnavailable
		case degraded:
			answer.Status = "degraded"
		}

		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(answer)
	}
}
