package httpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"example.com/clew/services/messaging"
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
	write(w, &Problem{Title: http.StatusText(status), Status: status, Detail: detail})
}

// WriteFailure answers for a handler outside huma that met an error which is not the caller's: 503 if something that the
// service needs is away or in use, else 500. The error goes to logger alone.
func WriteFailure(ctx context.Context, w http.ResponseWriter, logger *slog.Logger, err error) {
	p := failure(err)
	logFailure(ctx, w.Header().Set, logger, p)
	write(w, p)
}

// failure is the answer for an error that is not the caller's.
func failure(cause error) *Problem {
	p := &Problem{
		Status: http.StatusInternalServerError, cause: cause,
		Detail: "the server could not handle the request; the cause is in its log",
	}
	switch messaging.Classify(cause) {
	case "unavailable":
		p.Status, p.Detail = http.StatusServiceUnavailable, "something that the server needs is away; try again in a second"
	case "contended":
		p.Status, p.Detail = http.StatusServiceUnavailable, "others are using what this request needs; try again in a second"
	}
	p.Title = http.StatusText(p.Status)
	return p
}

// logFailure logs the cause of a failure, and tells the caller when to try again if that helps.
func logFailure(ctx context.Context, setHeader func(name, value string), logger *slog.Logger, p *Problem) {
	if p.Status == http.StatusServiceUnavailable {
		setHeader("Retry-After", "1")
	}
	logger.ErrorContext(ctx, "a request failed", "status", p.Status, "error", p.cause)
}

// fieldProblem is a Problem with one field.
func fieldProblem(status int, location, message string) *Problem {
	return &Problem{
		Title: http.StatusText(status), Status: status, Detail: "validation failed", // as huma says it
		Errors: []ProblemField{{location, message}},
	}
}

func write(w http.ResponseWriter, p *Problem) {
	h := w.Header()
	for _, key := range []string{"Content-Length", "Content-Encoding", "Etag", "Last-Modified", "Cache-Control"} {
		h.Del(key) // they described a body that will not be sent
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the only error left is a client that is gone
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
			WriteProblem(w, answer.status, fmt.Sprintf("nothing is served at %.100s", r.URL.Path))
		case http.StatusMethodNotAllowed:
			WriteProblem(w, answer.status, fmt.Sprintf("%.100s is not allowed at %.100s; allowed: %s",
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
