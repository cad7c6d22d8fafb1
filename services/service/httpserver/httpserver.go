// Package httpserver is what every HTTP server of Clew shares: the two APIs, their admin servers and the viewer.
//
// A server is composed in one order, from the outside in:
//
//	OTel         the SERVER span and metrics; outside everything, so that refusals and failures are seen
//	└─ Wrap      begun: panics as problems, and no answer while the request is still being sent
//	             guard: which hosts may be asked for, and which origins may write
//	             problems: 404 and 405 as RFC 9457 problems
//	   └─ mux    sets the request's pattern, which names the span
//	      └─ NewAPI  body and query read strictly; huma's typed operations, /openapi.json and /docs
//
// Nothing between OTel and the mux may copy the request (http.Request.WithContext does): the mux sets the pattern on
// the request it is given, and OTel reads it from the request it passed on. An admin server is Wrap alone.
//
// A web page elsewhere cannot read, because no CORS header is sent and so the browser keeps the answer from it; guard
// keeps it from writing, and from becoming this origin by DNS rebinding.
package httpserver

import (
	"log/slog"
	"net/http"
)

// Wrap returns mux with what every server needs around it.
//
// Served are requests for an IP address, for localhost and for allowedHosts (names without a port, from
// CLEW_ALLOWED_HOSTS); any other host is answered 421. A write from a web page of another origin is answered 403.
// Paths and methods that mux does not know are answered 404 and 405, a panic 500, which is logged with its stack. All
// of these are application/problem+json.
//
// What a handler leaves of a request's body is read before the answer begins, up to 16 MiB: a client that sends all
// before it reads sees the answer.
//
// A handler that streams flushes and sets deadlines through http.NewResponseController.
func Wrap(mux *http.ServeMux, allowedHosts []string, logger *slog.Logger) http.Handler {
	return recoverPanics(guard(muxProblems(mux), allowedHosts), logger)
}
