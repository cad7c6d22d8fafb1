package httpserver

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Problem is the body of every answer that is an error: RFC 9457, its type being the default about:blank. In OpenAPI
// it is the schema of the same name.
type Problem struct {
	Title  string         `json:"title" doc:"The status in words"`
	Status int            `json:"status" doc:"The HTTP status"`
	Detail string         `json:"detail,omitempty" doc:"What happened, what was expected, what to do"`
	Errors []ProblemField `json:"errors,omitempty" doc:"What is wrong with which field"`

	// cause is for the log: the error behind a status of 500 and above, which is nobody else's business.
	cause error
}

// ProblemField is one thing wrong with a request.
type ProblemField struct {
	Location string `json:"location,omitempty" doc:"The field" example:"body.items[0].quantity"`
	Message  string `json:"message" doc:"What was expected" example:"expected number >= 1"`
}

// WriteProblem answers with status and a Problem whose detail says what happened, what was expected and what to do.
// It is for handlers outside huma; huma's operations return huma.Error404NotFound and its like.
func WriteProblem(w http.ResponseWriter, status int, detail string) {
	h := w.Header()
	for _, key := range []string{"Content-Length", "Content-Encoding", "Etag", "Last-Modified", "Cache-Control"} {
		h.Del(key) // they described a body that will not be sent
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// The only error left is a client that is gone.
	_ = json.NewEncoder(w).Encode(Problem{Title: http.StatusText(status), Status: status, Detail: detail})
}

// muxProblems answers for mux where no pattern of mux matches.
func muxProblems(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		answer := muxAnswer{header: w.Header()}
		own.ServeHTTP(&answer, r)
		switch answer.status {
		case http.StatusNotFound:
			WriteProblem(w, answer.status, fmt.Sprintf("nothing is served at %s", r.URL.Path))
		case http.StatusMethodNotAllowed:
			WriteProblem(w, answer.status, fmt.Sprintf("%s is not allowed at %s; allowed: %s",
				r.Method, r.URL.Path, w.Header().Get("Allow")))
		default: // a redirect to the cleaned path
			w.Header().Del("Content-Type")
			w.WriteHeader(answer.status)
		}
	})
}

// muxAnswer keeps the status and headers (Allow, Location) of the mux's own answer, and drops its text/plain body.
type muxAnswer struct {
	header http.Header
	status int
}

func (a *muxAnswer) Header() http.Header         { return a.header }
func (a *muxAnswer) WriteHeader(status int)      { a.status = status }
func (a *muxAnswer) Write(p []byte) (int, error) { return len(p), nil }

// recoverPanics answers a panic with 500 or, if the answer has begun, ends the connection, so that the client cannot
// take half an answer for a whole one.
func recoverPanics(next http.Handler, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := &begunWriter{ResponseWriter: w}
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler { //nolint:errorlint // a panic's value, compared as net/http does
				panic(cause)
			}
			ctx := r.Context()
			logger.ErrorContext(ctx, "an HTTP handler panicked", "method", r.Method, "path", r.URL.Path,
				"panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			trace.SpanFromContext(ctx).SetStatus(codes.Error, "panic")
			if begun.begun {
				panic(http.ErrAbortHandler)
			}
			WriteProblem(w, http.StatusInternalServerError, "the server could not handle the request; the cause is in its log")
		}()
		next.ServeHTTP(begun, r)
	})
}

// begunWriter knows whether the answer has begun.
type begunWriter struct {
	http.ResponseWriter
	begun bool
}

func (w *begunWriter) WriteHeader(status int) {
	w.begun = w.begun || status >= 200 // before it are only hints, such as 103
	w.ResponseWriter.WriteHeader(status)
}

func (w *begunWriter) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// FlushError is what http.ResponseController calls: a flush sends the header.
func (w *begunWriter) FlushError() error {
	w.begun = true
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap gives http.ResponseController everything else.
func (w *begunWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
