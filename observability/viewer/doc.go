// Package viewer is the back end for traces and metrics when Clew runs without Docker. It takes the place of Tempo:
// processes send it OTLP, and it answers the two questions of Tempo's API that Clew asks. Package metrics, below it,
// takes the place of Prometheus; Config.Metrics puts it on the viewer's port.
//
// Data flows through the files in this order:
//
//   - otlp.go, otlphttp.go: spans arrive over OTLP/gRPC or OTLP/HTTP;
//   - store.go, trace.go: they are kept in memory, encoded, by trace;
//   - api.go: GET /api/v2/traces/{id} answers one trace;
//   - query.go, match.go, search.go: GET /api/search finds traces by a small part of TraceQL.
//
// What is promised: a span is kept as it arrived, with its links, events, status, attributes and dropped counts; the
// spans of one trace are merged however they arrive; a span sent twice is kept once, the first copy; what is kept never
// exceeds Config.MaxBytes, and the trace least recently written to goes first.
//
// What is not promised: anything after a restart; that a trace is whole (the part that came before its eviction is
// gone); logs, and metrics that are pushed: both are accepted and discarded. Nobody is authenticated: listen on loopback
// only.
package viewer
