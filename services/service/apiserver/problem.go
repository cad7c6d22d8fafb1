package apiserver

import (
	"context"
	"log/slog"
	"net/http"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/services/messaging"
)

// WriteFailure answers a request for a handler outside huma that failed through no fault of the caller: 503 if
// messaging.Unavailable or messaging.Contended marked err, else 500. The error goes to logger only.
func WriteFailure(ctx context.Context, w http.ResponseWriter, logger *slog.Logger, err error) {
	p := failure(err)
	logFailure(ctx, w.Header().Set, logger, p)
	p.Write(w)
}

// failure is the answer to an error that is not the caller's fault.
func failure(cause error) *httpserver.Problem {
	p := httpserver.Unexpected(cause)
	switch messaging.Classify(cause) {
	case "unavailable":
		p = httpserver.Problemf(http.StatusServiceUnavailable, "something that the server needs is away; try again in a second")
	case "contended":
		p = httpserver.Problemf(http.StatusServiceUnavailable, "others are using what this request needs; try again in a second")
	}
	p.Cause = cause
	return p
}

// logFailure logs the cause of a failure, and tells the caller when to try again if that helps.
func logFailure(ctx context.Context, setHeader func(name, value string), logger *slog.Logger, p *httpserver.Problem) {
	if p.Status == http.StatusServiceUnavailable {
		setHeader("Retry-After", "1")
	}
	logger.ErrorContext(ctx, "a request failed", "status", p.Status, "error", p.Cause)
}

// fieldProblem is a Problem with one field.
func fieldProblem(status int, location, message string) *httpserver.Problem {
	p := httpserver.Problemf(status, "validation failed") // as huma says it
	p.Errors = []httpserver.ProblemField{{Location: location, Message: message}}
	return p
}
