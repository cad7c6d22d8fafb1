package httpserver

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

const maxDrain = 16 << 20 // most bytes of a body that are read and dropped, so that a client which still sends sees the answer

// recoverPanics answers a panic with 500. If the answer has begun, it ends the connection instead, so that the client does not
// take half an answer for a whole one.
func recoverPanics(next http.Handler, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := &begunWriter{ResponseWriter: w, request: r, body: r.Body}
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
			Unexpected(nil).Write(begun)
		}()
		keepRunning(w, r)
		next.ServeHTTP(begun, r)
	})
}

// begunWriter records whether the answer has begun. Before that it drains the rest of the request.
type begunWriter struct {
	http.ResponseWriter
	request *http.Request
	body    io.Reader // the original: a handler may replace the request's
	begun   bool
}

func (w *begunWriter) begin() {
	if !w.begun {
		w.begun = true
		drain(w.request, w.body)
	}
}

func (w *begunWriter) WriteHeader(status int) {
	if status >= 200 { // lower ones are only hints, such as 103
		w.begin()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *begunWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

// FlushError begins the answer and flushes it. http.ResponseController calls it.
func (w *begunWriter) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap gives http.ResponseController everything else.
func (w *begunWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// drain reads the rest of a body, up to maxDrain. A client that sends everything before it reads anything would otherwise get
// a reset connection instead of the answer. A client that waits for 100 Continue has sent nothing.
func drain(r *http.Request, body io.Reader) {
	if body != nil && r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, body, maxDrain) // after an error there is nothing left to drain
	}
}

// keepRunning lifts the deadline of a request without a body, which has been read: net/http would cancel the context of
// a handler that is still at work when ReadTimeout has passed. (For a body huma does so.)
func keepRunning(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // a recorder has none
	}
}
