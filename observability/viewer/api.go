package viewer

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	contentTempoProtobuf = "application/protobuf"
	partialMessage       = "The trace takes its full share of the viewer's memory: later spans are missing."
)

// Handler answers GET /api/v2/traces/{id}, /api/search, /ready and what Grafana asks of a data source (tags.go) as Tempo 3 does;
// GET /api/stories/{id} with the model of a trace (package story), /api/stories/{id}/related with the other traces of its
// orders, /api/summaries?id= with what lists tell of traces; GET /api/logs with log records, by trace_id, service, level and
// text, and /api/logs/services with the names of their services. /api/v1/ and GET /metrics go to Config.Metrics, everything
// else to Config.Page. It checks neither host nor origin; see Run.
func (v *Viewer) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ready\n")
	})
	mux.HandleFunc("GET /api/v2/traces/{id}", v.getTrace)
	mux.HandleFunc("GET /api/search", v.getSearch)
	v.serveDataSource(mux)
	mux.HandleFunc("GET /api/summaries", v.getSummaries)
	mux.HandleFunc("GET /api/stories/{id}", v.getStory)
	mux.HandleFunc("GET /api/stories/{id}/related", v.getRelated)
	mux.HandleFunc("GET /api/logs", v.getLogs)
	mux.HandleFunc("GET /api/logs/services", v.getLogServices)
	mux.Handle("/api/v1/", v.metrics)
	mux.Handle("GET /metrics", v.metrics)
	mux.Handle("/", v.page)
	return mux
}

// traceByID is Tempo's TraceByIDResponse. The ids inside trace are base64, unlike in OTLP's JSON.
type traceByID struct {
	Trace   json.RawMessage `json:"trace"`
	Metrics struct {
		InspectedBytes int64 `json:"inspectedBytes,string,omitempty"`
	} `json:"metrics"`
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
}

// getTrace answers an unknown id with 200 and an empty trace: so does Tempo since 2.7, in its v2 API.
func (v *Viewer) getTrace(w http.ResponseWriter, r *http.Request) {
	id, err := parseTraceID(r.PathValue("id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	trace, _ := v.store.trace(id)
	if strings.Contains(r.Header.Get("Accept"), contentTempoProtobuf) {
		w.Header().Set("Content-Type", contentTempoProtobuf)
		body := appendBytes(nil, fieldTrace, trace.encode())
		if trace.partial {
			body = protowire.AppendTag(body, fieldStatus, protowire.VarintType)
			body = protowire.AppendVarint(body, 1)
			body = appendBytes(body, fieldMessage, []byte(partialMessage))
		}
		_, _ = w.Write(body)
		return
	}
	var answer traceByID
	answer.Metrics.InspectedBytes = trace.size
	if trace.partial {
		answer.Status, answer.Message = "PARTIAL", partialMessage
	}
	decoded, err := trace.decode()
	if err == nil {
		answer.Trace, err = protojson.Marshal(decoded)
	}
	if err != nil {
		http.Error(w, fmt.Sprintf("show trace %x: %v", id, err), http.StatusInternalServerError)
		return
	}
	writeJSON(w, answer)
}

// parseTraceID takes up to 32 hexadecimal digits, as Tempo does: leading zeros may be missing.
func parseTraceID(digits string) (traceID, error) {
	var id traceID
	if len(digits) > hex.EncodedLen(len(id)) {
		return id, fmt.Errorf("trace id has %d digits: expected at most 32", len(digits))
	}
	padded := strings.Repeat("0", hex.EncodedLen(len(id))-len(digits)) + digits
	if _, err := hex.Decode(id[:], []byte(padded)); err != nil {
		return id, fmt.Errorf("trace id %q: expected hexadecimal digits", digits)
	}
	return id, nil
}

func writeJSON(w http.ResponseWriter, answer any) {
	data, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, fmt.Sprintf("encode answer: %v", err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentJSON)
	_, _ = w.Write(data)
}
