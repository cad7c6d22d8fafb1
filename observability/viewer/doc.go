// Package viewer is the back end for traces, logs and metrics when Clew runs without Docker. It takes the place of Tempo
// and Loki: processes send it OTLP, and it answers the two questions of Tempo's API that Clew asks, and one about logs.
// Package metrics, below it, takes the place of Prometheus, and package page that of Grafana; Config.Metrics and
// Config.Page put them on the viewer's port.
//
// Data flows through the files in this order:
//
//   - otlp.go, otlphttp.go: spans and log records arrive over OTLP/gRPC or OTLP/HTTP;
//   - store.go, shared.go, trace.go: spans are kept in memory, encoded, by trace;
//   - logs.go: so are log records;
//   - changes.go: subscribers are told which traces were written to;
//   - api.go: GET /api/v2/traces/{id} answers one trace;
//   - query.go, match.go, search.go: GET /api/search finds traces by a small part of TraceQL;
//   - stories.go: GET /api/stories/{id} answers a trace as the model that the page draws, see package story;
//   - logsapi.go: GET /api/logs answers the records of a trace;
//   - self.go: the viewer's own spans, and metrics about what it keeps.
//
// What is promised: a span is kept as it arrived, with its links, events, status, attributes and dropped counts; the
// spans of one trace are merged however they arrive; a span sent twice is kept once, the first copy; what is kept never
// exceeds Config.MaxBytes, and the trace least recently written to goes first; log records take at most 16 MiB, and the
// oldest goes first; senders never wait for readers.
//
// What is not promised: anything after a restart; that a trace is whole (the part that came before its eviction is
// gone); a log record's scope; metrics that are pushed: they are accepted and discarded. Nobody is authenticated: listen
// on loopback only.
package viewer
