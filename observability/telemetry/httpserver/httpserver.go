// Package httpserver has what every HTTP server of Clew needs: the services' APIs, their admin servers and the viewer.
//
//   - serve.go: Listen and Serve, with timeouts and a graceful stop;
//   - guard.go: allowed hosts, and no writes from pages of other origins;
//   - begun.go: panics become problems, and requests are drained;
//   - problem.go: errors as RFC 9457 problems, 404 and 405 too;
//   - token.go: the bearer token.
//
// Wrap puts guard.go, begun.go and problem.go around a mux. It never copies the request: the mux sets the pattern on the
// request that it is given, and tracing around Wrap reads it there.
//
// A web page of another origin cannot read, because no CORS header is sent and so the browser keeps the answer from it. The
// guard keeps it from writing, from becoming this origin by DNS rebinding, and, if it is of another site, from making the server
// work for nothing. Links to here work.
package httpserver

import (
	"log/slog"
	"net/http"
)

// Wrap returns mux with the checks that every server needs around it.
//
// Served are requests for an IP address, for localhost and for allowedHosts (names without a port, from
// CLEW_ALLOWED_HOSTS); any other host is answered 421. A write from a web page of another origin is answered 403, and so is
// what a page of another site loads; the browser may follow its links.
// Paths and methods that mux does not know are answered 404 and 405, a panic 500, which is logged with its stack. All
// of these are application/problem+json.
//
// The unread rest of a request's body is read before the answer begins, up to 16 MiB: a client that sends everything before
// it reads sees the answer.
//
// A handler that streams flushes and sets deadlines through http.NewResponseController.
func Wrap(mux *http.ServeMux, allowedHosts []string, logger *slog.Logger) http.Handler {
	return recoverPanics(guard(muxProblems(mux), allowedHosts), logger)
}
