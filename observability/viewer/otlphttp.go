package viewer

import (
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	contentProtobuf = "application/x-protobuf"
	contentJSON     = "application/json"
)

// OTLPHandler receives OTLP/HTTP: POST /v1/traces, /v1/logs and /v1/metrics, as protobuf or JSON, plain or gzip. It
// answers in the request's encoding, an error as a Status. A body may have 8 MiB, before and after decompression.
func (v *Viewer) OTLPHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /v1/traces", exportHandler(traceService{store: v.store}.Export,
		func() *collectorpb.ExportTraceServiceRequest { return &collectorpb.ExportTraceServiceRequest{} }))
	mux.Handle("POST /v1/logs", exportHandler(logsService{logs: v.logs}.Export,
		func() *logspb.ExportLogsServiceRequest { return &logspb.ExportLogsServiceRequest{} }))
	mux.Handle("POST /v1/metrics", exportHandler(metricsService{}.Export,
		func() *metricspb.ExportMetricsServiceRequest { return &metricspb.ExportMetricsServiceRequest{} }))
	return mux
}

// exportHandler serves a gRPC service's Export method over HTTP.
func exportHandler[Request, Response proto.Message](
	export func(context.Context, Request) (Response, error), newRequest func() Request,
) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		contentType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if contentType != contentProtobuf && contentType != contentJSON {
			http.Error(w, fmt.Sprintf("content type %q is not supported: send %s or %s",
				contentType, contentProtobuf, contentJSON), http.StatusUnsupportedMediaType)
			return
		}
		request := newRequest()
		if code, err := readExport(w, r, contentType, request); err != nil {
			// It may quote the request, and a Status must be UTF-8.
			reason := status.New(codes.InvalidArgument, strings.ToValidUTF8(err.Error(), "�"))
			writeExport(w, contentType, code, reason.Proto())
			return
		}
		response, err := export(r.Context(), request)
		if err != nil {
			writeExport(w, contentType, http.StatusInternalServerError, status.Convert(err).Proto())
			return
		}
		writeExport(w, contentType, http.StatusOK, response)
	}
}

// readExport decodes the body into request. With an error it returns the HTTP status to answer with.
func readExport(w http.ResponseWriter, r *http.Request, contentType string, request proto.Message) (int, error) {
	var body io.Reader = http.MaxBytesReader(w, r.Body, maxRequestBytes)
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return http.StatusBadRequest, fmt.Errorf("decompress body: %w", err)
		}
		body = unzipped
	default:
		return http.StatusUnsupportedMediaType,
			fmt.Errorf("content encoding %q is not supported: send gzip or none", encoding)
	}
	data, err := io.ReadAll(io.LimitReader(body, maxRequestBytes+1))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) || len(data) > maxRequestBytes {
		return http.StatusRequestEntityTooLarge,
			fmt.Errorf("the body exceeds %d bytes: send smaller batches", maxRequestBytes)
	}
	if err != nil {
		return http.StatusBadRequest, fmt.Errorf("read body: %w", err)
	}
	if contentType == contentProtobuf {
		err = proto.Unmarshal(data, request)
	} else {
		err = unmarshalJSON(data, request)
	}
	if err != nil {
		return http.StatusBadRequest, fmt.Errorf("decode body: %w", err)
	}
	return http.StatusOK, nil
}

func writeExport(w http.ResponseWriter, contentType string, code int, message proto.Message) {
	marshal := proto.Marshal
	if contentType == contentJSON {
		marshal = protojson.Marshal
	}
	data, err := marshal(message)
	if err != nil {
		http.Error(w, fmt.Sprintf("encode answer: %v", err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(code)
	_, _ = w.Write(data) // the sender went away; nobody is left to tell
}

// unmarshalJSON decodes OTLP's JSON, which is protobuf's JSON but for two rules of the OTLP specification: unknown
// fields are ignored, and trace and span ids are hexadecimal, not base64.
func unmarshalJSON(data []byte, request proto.Message) error {
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, request); err != nil {
		return err
	}
	var broken error
	fix := func(id *[]byte) {
		fixed, err := hexID(*id)
		if err != nil {
			broken = err
		}
		*id = fixed
	}
	switch request := request.(type) {
	case *collectorpb.ExportTraceServiceRequest:
		for _, resource := range request.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					fix(&span.TraceId)
					fix(&span.SpanId)
					fix(&span.ParentSpanId)
					for _, link := range span.GetLinks() {
						fix(&link.TraceId)
						fix(&link.SpanId)
					}
				}
			}
		}
	case *logspb.ExportLogsServiceRequest:
		for _, resource := range request.GetResourceLogs() {
			for _, scope := range resource.GetScopeLogs() {
				for _, record := range scope.GetLogRecords() {
					fix(&record.TraceId)
					fix(&record.SpanId)
				}
			}
		}
	}
	return broken
}

// hexID undoes protojson's decoding of a hexadecimal id as base64. Nothing was lost: hexadecimal digits are also base64 digits,
// and an id has a multiple of four of them.
func hexID(id []byte) ([]byte, error) {
	digits := base64.StdEncoding.EncodeToString(id)
	decoded, err := hex.DecodeString(digits)
	if err != nil {
		return nil, fmt.Errorf("id %q: expected hexadecimal digits", digits)
	}
	return decoded, nil
}
