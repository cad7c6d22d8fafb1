package page

import (
	"context"
	"io/fs"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"

	"example.com/clew/observability/viewer"
	"example.com/clew/services/messaging"
)

// patience is how long Redis or the order API may take for one answer.
const patience = 5 * time.Second

const securityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Config configures the page. All of it is needed.
type Config struct {
	Viewer     *viewer.Viewer        // which tells of changes, and keeps the page's own spans
	Orders     string                // base URL of the order API
	Redis      redis.UniversalClient // not closed here
	Partitions int                   // of each stream
	Token      string                // without one nothing can be redriven or discarded
	Dashboards fs.FS                 // Grafana's, as *.json
	Runbooks   fs.FS                 // of the alerts, as <Alert>.md
}

type page struct {
	Config
	streams *messaging.Admin
	tracer  trace.Tracer
	client  http.Client // of the order API
}

// New returns the page and its API. It starts nothing.
func New(cfg Config) http.Handler {
	spans := cfg.Viewer.TracerProvider()
	p := &page{
		Config:  cfg,
		streams: messaging.New(cfg.Redis, messaging.Config{Partitions: cfg.Partitions, TracerProvider: spans}).Admin(),
		tracer:  spans.Tracer("example.com/clew/observability/viewer/page"),
		client:  newOrders(),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/orders", p.forward)
	mux.HandleFunc("GET /api/orders/{id}", p.forward)
	mux.HandleFunc("POST /api/orders", p.forward)
	mux.Handle("GET /api/skus", answer(getSKUs))
	mux.Handle("GET /api/streams", answer(p.getStreams))
	mux.Handle("GET /api/streams/{stream}/{partition}/entries/{id}", answer(p.getEntry))
	mux.Handle("GET /api/streams/{stream}/pending", answer(p.getPending))
	mux.Handle("GET /api/dead-letters", answer(p.getDeadLetters))
	mux.Handle("POST /api/dead-letters/{stream}/{partition}/{id}/redrive", p.authorized(answer(p.redrive)))
	mux.Handle("POST /api/dead-letters/{stream}/{partition}/{id}/discard", p.authorized(answer(p.discard)))
	mux.Handle("GET /api/dashboards", answer(p.getDashboards))
	mux.Handle("GET /api/dashboards/{uid}", answer(p.getDashboard))
	mux.Handle("GET /api/runbooks/{alert}", answer(p.getRunbook))
	mux.HandleFunc("GET /api/changes", p.changes)
	serveStatic(mux)
	mux.Handle("/", answer(func(r *http.Request) (any, error) {
		return nil, problemf(http.StatusNotFound, "%.10s %.100s is nothing that the viewer knows", r.Method, r.URL.Path)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", securityPolicy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		mux.ServeHTTP(w, r)
	})
}

// answer writes a handler's result: JSON, 204 for nil, or a problem; any other error is taken to be Redis's.
func answer(question func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		value, err := question(r.WithContext(ctx))
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case err != nil:
			asProblem(err).write(w)
		case value == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			writeJSON(w, http.StatusOK, "application/json", value)
		}
	})
}
