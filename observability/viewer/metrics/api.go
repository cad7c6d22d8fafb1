package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/grafana/regexp"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	v1 "github.com/prometheus/prometheus/web/api/v1"
)

// The limits of queries: 10 at the same time, rules included, others wait; each 20 s, and a number of samples in memory at a
// time, of 16 bytes each.
const (
	maxQueries   = 10
	queryTimeout = 20 * time.Second
	maxSamples   = 5_000_000
)

// version is the Prometheus release of the libraries. Grafana derives from it what the API can do.
const version = "3.15.0"

// served lists the endpoints of Prometheus's API that read metrics, or that tools ask to know whom they ask. The others write,
// delete, or show files of a server, which an embedded engine does not have.
var served = [...]string{
	"query", "query_range", "query_exemplars", "format_query", "parse_query",
	"series", "labels", "label/{name}/values", "metadata",
	"rules", "alerts", "targets", "targets/metadata",
	"status/buildinfo", "status/config", "status/flags", "status/tsdb",
}

// Handler answers GET /api/v1/… (queries POST too) as Prometheus does, and GET /metrics with the engine's own metrics.
// It checks neither host nor origin, and sends no CORS headers. The call takes about 0.1 s.
func (e *Engine) Handler() http.Handler {
	api := v1.NewAPI(
		e.queries,
		e.storage,
		nil, nil, // nothing may be written
		e.storage,
		func(context.Context) v1.ScrapePoolsRetriever { return e.scrapes },
		func(context.Context) v1.TargetRetriever { return e.scrapes },
		nil, // no Alertmanager
		func() config.Config { return *e.config },
		map[string]string{}, // nobody started it with flags
		v1.GlobalURLOptions{ListenAddress: "127.0.0.1:0", Host: "127.0.0.1"},
		func(handler http.HandlerFunc) http.HandlerFunc { return handler }, // ready since Open
		status{e.storage},
		e.storage.Dir(),
		false, false, 0, // neither administration nor search
		slog.New(e.logs),
		func(context.Context) v1.RulesRetriever { return e.rules },
		0, 0, 0, // no remote reading
		false,
		regexp.MustCompile("^$"), // matches no origin
		nil,
		&v1.PrometheusVersion{Version: version, GoVersion: runtime.Version()},
		nil, nil,
		e.registry,
		nil,
		nil,
		false, nil, false, false, false, false,
		0,
		false, false,
		nil, nil,
		v1.OpenAPIOptions{IncludePaths: []string{"/none"}}, // not served, and all of it would take 0.1 s more
		e.files.Parser,
	)
	router := route.New().WithPrefix("/api/v1")
	api.Register(router)
	mux := http.NewServeMux()
	for _, path := range served {
		mux.Handle("/api/v1/"+path, router)
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(e.registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	return e.answer(mux)
}

// queryLimit limits the number of queries that run at the same time. It is a promql.QueryTracker.
type queryLimit chan struct{}

// GetMaxConcurrent returns the limit.
func (l queryLimit) GetMaxConcurrent() int { return cap(l) }

// Insert blocks until a query may run, or ctx ends.
func (l queryLimit) Insert(ctx context.Context, _ string) (int, error) {
	select {
	case l <- struct{}{}:
		return 0, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Delete lets the next one run.
func (l queryLimit) Delete(int) { <-l }

// Close does nothing.
func (l queryLimit) Close() error { return nil }
