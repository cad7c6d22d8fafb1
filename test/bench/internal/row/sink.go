package row

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"

	"google.golang.org/protobuf/encoding/protowire"

	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
)

// A sink receives OTLP over HTTP in a process of its own and counts spans. It is cheap: it decodes no span.
type sink struct{ *child.Server }

func (b *Bench) startSink(ctx context.Context) (sink, error) {
	s, err := child.StartServer(ctx, "sink")
	return sink{s}, err
}

// count asks how many spans have arrived.
func (s sink) count(ctx context.Context) (int64, error) {
	text, err := get(ctx, s.URL+"/count")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(text), 10, 64)
}

// runSink serves until the process is ended.
func runSink(_ context.Context, _ child.Job) (report.Result, error) {
	listener, err := child.Listen()
	if err != nil {
		return report.Result{}, err
	}
	var spans atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, max(0, r.ContentLength))
		_, err := io.ReadFull(r.Body, body)
		n := 0
		if err == nil {
			n, err = spansIn(body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		spans.Add(int64(n))
		w.Header().Set("Content-Type", "application/x-protobuf")
	})
	mux.HandleFunc("POST /v1/logs", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-protobuf")
	})
	mux.HandleFunc("GET /count", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, spans.Load()) })
	return report.Result{}, http.Serve(listener, mux)
}

// spansIn counts the spans of an OTLP ExportTraceServiceRequest.
func spansIn(request []byte) (n int, err error) {
	const resourceSpans, scopeSpans, spans = 1, 2, 2
	err = eachField(request, resourceSpans, func(resource []byte) error {
		return eachField(resource, scopeSpans, func(scope []byte) error {
			return eachField(scope, spans, func([]byte) error { n++; return nil })
		})
	})
	return n, err
}

// eachField gives the value of each field of a message that has this number to found.
func eachField(message []byte, number protowire.Number, found func([]byte) error) error {
	for len(message) > 0 {
		got, kind, tag := protowire.ConsumeTag(message)
		if tag < 0 {
			return protowire.ParseError(tag)
		}
		size := protowire.ConsumeFieldValue(got, kind, message[tag:])
		if size < 0 {
			return protowire.ParseError(size)
		}
		if got == number && kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message[tag:])
			if err := found(value); err != nil {
				return err
			}
		}
		message = message[tag+size:]
	}
	return nil
}
