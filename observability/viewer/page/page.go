package page

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"time"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/viewer"
	"example.com/clew/observability/viewer/story"
)

// patience is the timeout of the order API and of Streams.
const patience = 5 * time.Second

const securityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Config configures the page. All fields are needed, but Questions and Acts may be empty: then the page says so where it would
// ask them.
type Config struct {
	Viewer     *viewer.Viewer // it has the traces, and its changes are shown
	Orders     string         // base URL of the order API
	Journey    story.Settings // of an order
	Streams    Streams
	Questions  map[string]Question // the page's further requests, by the mux's pattern
	Acts       map[string]Question // those of them that change something, and need the token
	Token      string              // for Acts; an empty one refuses them all
	Dashboards fs.FS               // Grafana's *.json
	Runbooks   fs.FS               // <Alert>.md of each alert
	Documents  fs.FS               // *.md and their pictures, at their paths in the repository; those in docs/lessons are lessons
	Repository fs.FS               // the files to which documents point, as far as they are there; nil where there are none
	Terminal   Terminal
}

// Streams provides the streams and dead letters that the page shows. The viewer does not know the system that it watches, so
// the program that uses it implements this.
type Streams interface {
	// Look returns the state of all streams, as a value for JSON. The page calls it every second.
	Look(ctx context.Context) (any, error)

	// Pending returns the messages about an order that were delivered and are not acknowledged.
	Pending(ctx context.Context, orderID string) ([]story.Pending, error)

	// HasDeadLetter reports whether a message about an order is a dead letter, or may be one among too many to look at.
	HasDeadLetter(ctx context.Context, orderID string) (bool, error)
}

// A Question handles a request of the page's API. It returns a value for JSON, nil for 204, or an error: an
// httpserver.Problem as it is, any other with status 500 and its text.
type Question func(*http.Request) (any, error)

type page struct {
	Config
	client   http.Client // of the order API
	look     look
	linked   func() map[string]bool // the files to which documents point
	commands chan struct{}          // a place for each command that runs
}

// New returns the page and its API. It starts nothing.
func New(cfg Config) http.Handler {
	p := &page{Config: cfg, client: newOrders(), commands: make(chan struct{}, maxCommands)}
	p.linked = sync.OnceValue(p.pointsTo)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/orders", p.forward)
	mux.HandleFunc("GET /api/orders/{id}", p.forward)
	mux.HandleFunc("POST /api/orders", p.forward)
	mux.Handle("GET /api/orders/{id}/journey", answer(p.getJourney))
	mux.Handle("GET /api/fates", answer(p.getFates))
	mux.Handle("GET /api/routes", answer(p.getRoutes))
	mux.Handle("GET /api/skus", answer(getSKUs))
	for pattern, question := range p.Questions {
		mux.Handle(pattern, answer(question))
	}
	for pattern, act := range p.Acts {
		mux.Handle(pattern, p.authorized(answer(act)))
	}
	mux.Handle("GET /api/dashboards", answer(p.getDashboards))
	mux.Handle("GET /api/dashboards/{uid}", answer(p.getDashboard))
	mux.Handle("GET /api/runbooks/{alert}", answer(p.getRunbook))
	mux.Handle("GET /api/documents", answer(p.getDocuments))
	mux.Handle("GET /api/documents/{path...}", answer(p.getDocument))
	mux.HandleFunc("GET /pictures/{path...}", p.getPicture)
	mux.Handle("POST /api/commands", p.authorized(answerWithin(commandPatience, p.runCommand)))
	mux.HandleFunc("GET /api/changes", p.changes)
	index := serveStatic(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			index.serveNotFound(w) // for a person, with the way to the pages that there are
			return
		}
		httpserver.Problemf(http.StatusNotFound, "the viewer does not have %.10s %.100s", r.Method, r.URL.Path).Write(w)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", securityPolicy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		mux.ServeHTTP(w, r)
	})
}

// answer writes a question's result: JSON, 204 for nil, or a problem.
func answer(question Question) http.Handler { return answerWithin(patience, question) }

func answerWithin(patience time.Duration, question Question) http.Handler {
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

// asProblem returns a problem as it is, and any other error with its text: the reader of the page runs the system.
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
