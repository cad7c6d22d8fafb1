// Package viewer is the back end for traces, logs and metrics when Clew runs without Docker. It replaces Tempo and Loki:
// processes send it OTLP, and it has the two endpoints of Tempo's API that Clew uses, and one for logs. Package metrics, below
// it, replaces Prometheus, and package page Grafana; Config.Metrics and Config.Page put them on the viewer's port.
//
// Data flows through the files in this order:
//
//   - otlp.go, otlphttp.go: spans and log records arrive over OTLP/gRPC or OTLP/HTTP;
//   - wire.go: a request is cut into them, and each is checked on its own;
//   - store.go, shared.go, trace.go: spans are kept in memory, encoded, by trace;
//   - logs.go: log records are kept in the same way;
//   - changes.go: subscribers get the ids of traces that were written to;
//   - api.go: GET /api/v2/traces/{id} answers one trace;
//   - query.go, match.go, search.go: GET /api/search finds traces by a small part of TraceQL;
//   - tags.go: what Grafana asks of a data source, such as the attributes that a search may name;
//   - stories.go: GET /api/stories/{id} answers a trace as the model that the page draws, see package story;
//   - logsearch.go, logsapi.go: GET /api/logs finds log records;
//   - self.go: the viewer's own spans, and metrics about what it keeps.
//
// Promised: a span is kept as it arrived, with its links, events, status, attributes and dropped counts, but what is no UTF-8
// in a text becomes U+FFFD; a span or log record that cannot be kept is refused alone; the spans of one trace are merged however
// they arrive; of a span sent twice the first copy is kept, but two of one id and different kinds are a client and its server;
// traces take at most Config.MaxBytes, and the one least recently written to is evicted first; log records take at most 16 MiB,
// and the oldest is evicted first; all requests that are received at the same time take at most 64 MiB, and others are told to
// come again; senders never wait for readers.
//
// Not promised: anything after a restart; complete traces (the part before an eviction is gone); a log record's scope; pushed
// metrics, which are accepted and discarded. Nobody is authenticated: listen on loopback only.
package viewer
