package httpserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strings"
)

// Problem is the body of an answer that is an error: RFC 9457, with the default type about:blank. It is also a Go error,
// which a handler returns to be answered with it. The tags doc and example are for OpenAPI.
type Problem struct {
	Title  string         `json:"title" doc:"The status in words"`
	Status int            `json:"status" doc:"The HTTP status"`
	Detail string         `json:"detail,omitempty" doc:"What happened, what was expected, what to do"`
	Errors []ProblemField `json:"errors,omitempty" doc:"What is wrong with which field"`

	Cause error `json:"-"` // for the log only, never for the client
}

// ProblemField is one thing wrong with a request.
type ProblemField struct {
	Location string `json:"location,omitempty" doc:"The field" example:"body.items[0].quantity"`
	Message  string `json:"message" doc:"What was expected" example:"expected number >= 1"`
}

// Problemf returns a Problem with this HTTP status. The text is its detail: what happened, what was expected, what to do.
func Problemf(status int, format string, args ...any) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

// Unexpected returns a Problem with status 500, which does not show its cause. Nil as cause is allowed.
func Unexpected(cause error) *Problem {
	p := Problemf(http.StatusInternalServerError, "the server could not handle the request; the cause is in its log")
	p.Cause = cause
	return p
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status. With it a Problem is a huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns application/problem+json. With it a Problem is a huma.ContentTypeFilter.
func (*Problem) ContentType(string) string { return "application/problem+json" }

// Write answers with the problem. It deletes headers that a handler has set for the body that it meant to send.
func (p *Problem) Write(w http.ResponseWriter) {
	h := w.Header()
	for _, key := range []string{"Content-Length", "Content-Encoding", "Etag", "Last-Modified"} {
		h.Del(key)
	}
	if h.Get("Cache-Control") != "no-store" { // an error is not worth more of a cache than the answer
		h.Del("Cache-Control")
	}
	h.Set("Content-Type", p.ContentType(""))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the only error left is a client that is gone
}

// muxProblems answers for mux where no pattern of mux matches, and for a path such as //orders or /orders/../stock: the mux would
// redirect it, with a page of HTML that no client of an API expects.
func muxProblems(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if escaped := r.URL.EscapedPath(); strings.TrimSuffix(escaped, "/") != strings.TrimSuffix(path.Clean("/"+escaped), "/") {
			Problemf(http.StatusNotFound, "nothing is served at %.100s", r.URL.Path).Write(w)
			return
		}
		own, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		answer := muxAnswer{header: w.Header()}
		own.ServeHTTP(&answer, r)
		switch answer.status {
		case http.StatusNotFound:
			Problemf(answer.status, "nothing is served at %.100s", r.URL.Path).Write(w)
		case http.StatusMethodNotAllowed:
			Problemf(answer.status, "%.100s is not allowed at %.100s; allowed: %s",
				r.Method, r.URL.Path, w.Header().Get("Allow")).Write(w)
		default: // a redirect
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
