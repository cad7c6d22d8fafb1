package page

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"time"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/viewer"
	"example.com/clew/observability/viewer/story"
)

// patience is how long an answer may take, of the order API or of what Streams asks.
const patience = 5 * time.Second

const securityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Config configures the page. All of it is needed.
type Config struct {
	Viewer     *viewer.Viewer // which has the traces, tells of changes, and keeps the page's own spans
	Orders     string         // base URL of the order API
	Journey    story.Settings // of an order
	Streams    Streams
	Token      string // without one nothing can be changed
	Dashboards fs.FS  // Grafana's, as *.json
	Runbooks   fs.FS  // of the alerts, as <Alert>.md
}

// Streams are the streams and dead letters that the page shows. The viewer does not know the system that it watches: its
// program brings them.
type Streams interface {
	// Look returns what the page shows of all streams, and is asked every second.
	Look(ctx context.Context) (any, error)

	// Pending returns the messages about an order that were delivered and are not acknowledged.
	Pending(ctx context.Context, orderID string) ([]story.Pending, error)

	// Questions are what else the page asks, by pattern, and Acts what it changes, which needs the token.
	Questions() map[string]Question
	Acts() map[string]Question
}

// A Question handles a request of the page's API. It returns a value for JSON, nil for 204, or an error: an
// httpserver.Problem as it is, any other with status 500 and its text.
type Question func(*http.Request) (any, error)

type page struct {
	Config
	client http.Client // of the order API
}

// New returns the page and its API. It starts nothing.
func New(cfg Config) http.Handler {
	p := &page{Config: cfg, client: newOrders()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/orders", p.forward)
	mux.HandleFunc("GET /api/orders/{id}", p.forward)
	mux.HandleFunc("POST /api/orders", p.forward)
	mux.Handle("GET /api/orders/{id}/journey", answer(p.getJourney))
	mux.Handle("GET /api/fates", answer(p.getFates))
	mux.Handle("GET /api/skus", answer(getSKUs))
	for pattern, question := range p.Streams.Questions() {
		mux.Handle(pattern, answer(question))
	}
	for pattern, act := range p.Streams.Acts() {
		mux.Handle(pattern, p.authorized(answer(act)))
	}
	mux.Handle("GET /api/dashboards", answer(p.getDashboards))
	mux.Handle("GET /api/dashboards/{uid}", answer(p.getDashboard))
	mux.Handle("GET /api/runbooks/{alert}", answer(p.getRunbook))
	mux.HandleFunc("GET /api/changes", p.changes)
	serveStatic(mux)
	mux.Handle("/", answer(func(r *http.Request) (any, error) {
		return nil, httpserver.Problemf(http.StatusNotFound, "%.10s %.100s is nothing that the viewer knows", r.Method, r.URL.Path)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", securityPolicy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		mux.ServeHTTP(w, r)
	})
}

// answer writes a question's result.
func answer(question Question) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		value, err := question(r.WithContext(ctx))
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case err != nil:
			asProblem(err).Write(w)
		case value == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			writeJSON(w, value)
		}
	})
}

// asProblem shows an unexpected error to the reader, who runs what failed.
func asProblem(err error) *httpserver.Problem {
	if p, ok := errors.AsType[*httpserver.Problem](err); ok {
		return p
	}
	return httpserver.Problemf(http.StatusInternalServerError, "%v", err)
}

func writeJSON(w http.ResponseWriter, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		httpserver.Problemf(http.StatusInternalServerError, "encode answer: %v", err).Write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data) // the browser went away; nobody is left to tell
}

// authorized refuses requests without the token.
func (p *page) authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if httpserver.Authorized(w, r, p.Token, "this needs the token: open the address that `clew up` prints") {
			next.ServeHTTP(w, r)
		}
	})
}
