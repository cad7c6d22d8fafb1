package viewer

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

// running is a viewer that serves on free ports until the test ends, and fails the test if it does not end well.
type running struct {
	*Viewer
	api, grpc, http string
}

func run(t *testing.T) running {
	t.Helper()
	listen := func() net.Listener {
		on, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return on
	}
	v := New(Config{})
	on := Listeners{API: listen(), OTLPGRPC: listen(), OTLPHTTP: listen()}
	done := make(chan error)
	protect := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Protected", "yes")
			h.ServeHTTP(w, r)
		})
	}
	go func() { done <- v.Run(t.Context(), on, protect) }() // the context ends before the clean-up
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return running{v, on.API.Addr().String(), on.OTLPGRPC.Addr().String(), on.OTLPHTTP.Addr().String()}
}

func TestExportersOfTheSDK(t *testing.T) {
	for name, newExporter := range map[string]func(context.Context, running) (sdktrace.SpanExporter, error){
		"gRPC": func(ctx context.Context, v running) (sdktrace.SpanExporter, error) {
			return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(v.grpc), otlptracegrpc.WithInsecure())
		},
		"gRPC, gzip": func(ctx context.Context, v running) (sdktrace.SpanExporter, error) {
			return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(v.grpc), otlptracegrpc.WithInsecure(),
				otlptracegrpc.WithCompressor("gzip"))
		},
		"HTTP": func(ctx context.Context, v running) (sdktrace.SpanExporter, error) {
			return otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(v.http), otlptracehttp.WithInsecure())
		},
		"HTTP, gzip": func(ctx context.Context, v running) (sdktrace.SpanExporter, error) {
			return otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(v.http), otlptracehttp.WithInsecure(),
				otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := run(t)
			exporter, err := newExporter(t.Context(), v)
			if err != nil {
				t.Fatal(err)
			}
			request, process := exportOrder(t, exporter)

			resourceSpans := fetchTrace(t, v, request.TraceID().String())
			if len(resourceSpans) != 1 || len(resourceSpans[0].GetScopeSpans()) != 1 {
				t.Fatalf("the trace has %d resources, want one with one scope", len(resourceSpans))
			}
			service := attributeOf(resourceSpans[0].GetResource().GetAttributes(), "service.name")
			if got := service.GetStringValue(); got != "order" {
				t.Errorf("service.name is %q, want order", got)
			}
			if got := resourceSpans[0].GetScopeSpans()[0].GetScope().GetName(); got != "messaging" {
				t.Errorf("scope is %q, want messaging", got)
			}
			requestID, processID := request.SpanID(), process.SpanID()
			traceID := request.TraceID()
			want := []*tracepb.Span{
				{
					TraceId: traceID[:], SpanId: processID[:], ParentSpanId: requestID[:],
					Name: "process orders", Kind: tracepb.Span_SPAN_KIND_CONSUMER,
					Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "broken"},
					Links:  []*tracepb.Span_Link{{TraceId: traceID[:], SpanId: requestID[:]}},
					Events: []*tracepb.Span_Event{{Name: "takeover"}},
				},
				{
					TraceId: traceID[:], SpanId: requestID[:],
					Name: "POST /orders", Kind: tracepb.Span_SPAN_KIND_SERVER, Status: &tracepb.Status{},
				},
			}
			diff := cmp.Diff(want, resourceSpans[0].GetScopeSpans()[0].GetSpans(), protocmp.Transform(),
				protocmp.IgnoreFields(&tracepb.Span{}, "start_time_unix_nano", "end_time_unix_nano", "flags"),
				protocmp.IgnoreFields(&tracepb.Span_Link{}, "flags"),
				protocmp.IgnoreFields(&tracepb.Span_Event{}, "time_unix_nano"))
			if diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
		})
	}
}

// exportOrder traces a request and its processing, which links back to it, and returns once both are exported.
func exportOrder(t *testing.T, exporter sdktrace.SpanExporter) (request, process trace.SpanContext) {
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "order"))))
	tracer := provider.Tracer("messaging")
	ctx, parent := tracer.Start(t.Context(), "POST /orders", trace.WithSpanKind(trace.SpanKindServer))
	_, child := tracer.Start(ctx, "process orders", trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithLinks(trace.LinkFromContext(ctx)))
	child.AddEvent("takeover")
	child.SetStatus(otelcodes.Error, "broken")
	child.End()
	parent.End()
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatalf("export: %v", err)
	}
	return parent.SpanContext(), child.SpanContext()
}

// fetchTrace asks the running viewer's API for a trace.
func fetchTrace(t *testing.T, v running, id string) []*tracepb.ResourceSpans {
	t.Helper()
	response, err := http.Get("http://" + v.api + "/api/v2/traces/" + id)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.Header.Get("Protected") != "yes" {
		t.Error("the API is not behind the caller's protection")
	}
	decoded := &tracepb.TracesData{}
	_, rest, _ := strings.Cut(string(body), `{"trace":`)
	object, _, _ := strings.Cut(rest, `,"metrics":`)
	if err := protojson.Unmarshal([]byte(object), decoded); err != nil {
		t.Fatalf("answer %d %q: %v", response.StatusCode, body, err)
	}
	http.DefaultClient.CloseIdleConnections()
	return decoded.GetResourceSpans()
}

func TestMetricsAreAccepted(t *testing.T) {
	v := run(t)
	metrics := metricspb.NewMetricsServiceClient(dial(t, v))
	if _, err := metrics.Export(t.Context(), &metricspb.ExportMetricsServiceRequest{}); err != nil {
		t.Errorf("metrics over gRPC: %v", err)
	}
	body := `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a"}]}]}]}`
	got := post(v.Viewer, "/v1/metrics", body, "Content-Type", contentJSON)
	if got.Code != http.StatusOK || got.Body.String() != "{}" {
		t.Errorf("metrics over HTTP: %d %q", got.Code, got.Body)
	}
}

// dial connects to the viewer's gRPC server until the test ends.
func dial(t *testing.T, v running) *grpc.ClientConn {
	t.Helper()
	connection, err := grpc.NewClient(v.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// post sends to the OTLP handler; headers are pairs of name and value.
func post(v *Viewer, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	v.OTLPHandler().ServeHTTP(w, r)
	return w
}

func zip(body string) string {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(w, body)
	_ = w.Close()
	return zipped.String()
}

// The request is the example of the OTLP specification, cut down: ids in hexadecimal of either case, enumerations as
// numbers, and a field that nobody knows.
const otlpJSON = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"order"}}]},
	"scopeSpans":[{"scope":{"name":"lib","version":"1.0"},"spans":[{
		"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","parentSpanId":"eee19b7ec3c1b173",
		"name":"a span","startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,"kind":2,
		"attributes":[{"key":"n","value":{"intValue":"7"}}],
		"links":[{"traceId":"5B8EFFF798038103D269B633813FC60D","spanId":"EEE19B7EC3C1B175"}],
		"unknownField":{"a":[1]}}]}]}]}`

func TestOTLPAsJSON(t *testing.T) {
	v := New(Config{})
	got := post(v, "/v1/traces", otlpJSON, "Content-Type", "application/json; charset=utf-8")
	if got.Code != http.StatusOK || got.Header().Get("Content-Type") != contentJSON || got.Body.String() != "{}" {
		t.Fatalf("answer %d, %s: %q", got.Code, got.Header(), got.Body)
	}
	unhex := func(digits string) []byte {
		id, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	stored, _ := v.store.trace(traceID(unhex("5b8efff798038103d269b633813fc60c")))
	decoded, err := stored.decode()
	if err != nil || len(decoded.GetResourceSpans()) != 1 {
		t.Fatalf("decode: %v %v", decoded, err)
	}
	want := &tracepb.Span{
		TraceId: unhex("5b8efff798038103d269b633813fc60c"), SpanId: unhex("eee19b7ec3c1b174"),
		ParentSpanId: unhex("eee19b7ec3c1b173"),
		Name:         "a span", Kind: tracepb.Span_SPAN_KIND_SERVER,
		StartTimeUnixNano: 1544712660000000000, EndTimeUnixNano: 1544712661000000000,
		Links: []*tracepb.Span_Link{{TraceId: unhex("5b8efff798038103d269b633813fc60d"), SpanId: unhex("eee19b7ec3c1b175")}},
	}
	span := decoded.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0]
	diff := cmp.Diff(want, span, protocmp.Transform(), protocmp.IgnoreFields(&tracepb.Span{}, "attributes"))
	if diff != "" {
		t.Errorf("span (-want +got):\n%s", diff)
	}
}

func TestOTLPTellsWhatItRefused(t *testing.T) {
	nameless := &tracepb.Span{Name: "without ids"}
	request, err := proto.Marshal(&collectorpb.ExportTraceServiceRequest{
		ResourceSpans: batch("order", nameless, newSpan(1, 1, 1)),
	})
	if err != nil {
		t.Fatal(err)
	}
	got := post(New(Config{}), "/v1/traces", string(request), "Content-Type", contentProtobuf)
	response := &collectorpb.ExportTraceServiceResponse{}
	if err := proto.Unmarshal(got.Body.Bytes(), response); err != nil || got.Code != http.StatusOK {
		t.Fatalf("answer %d %q: %v", got.Code, got.Body, err)
	}
	want := &collectorpb.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: errInvalidID.Error()}
	if diff := cmp.Diff(want, response.GetPartialSuccess(), protocmp.Transform()); diff != "" {
		t.Errorf("partial success (-want +got):\n%s", diff)
	}
}

func TestOTLPOverHTTPRefuses(t *testing.T) {
	large := strings.Repeat(" ", maxRequestBytes+1)
	inBase64 := base64.StdEncoding.EncodeToString([]byte("12345678"))
	for name, test := range map[string]struct {
		body, contentType, encoding string
		code                        int
		message                     string
	}{
		"no content type":    {"{}", "", "", http.StatusUnsupportedMediaType, `content type "" is not supported`},
		"text":               {"{}", "text/plain", "", http.StatusUnsupportedMediaType, "send application/x-protobuf or"},
		"broken JSON":        {"{", contentJSON, "", http.StatusBadRequest, "decode body"},
		"broken protobuf":    {"\x0a\xff", contentProtobuf, "", http.StatusBadRequest, "decode body"},
		"broken gzip":        {"{}", contentJSON, "gzip", http.StatusBadRequest, "decompress body"},
		"cut gzip":           {zip("{}")[:15], contentJSON, "gzip", http.StatusBadRequest, "read body"},
		"other compression":  {"{}", contentProtobuf, "zstd", http.StatusUnsupportedMediaType, `"zstd" is not supported`},
		"too large":          {large, contentJSON, "", http.StatusRequestEntityTooLarge, "send smaller batches"},
		"too large unzipped": {zip(large), contentProtobuf, "gzip", http.StatusRequestEntityTooLarge, "smaller batches"},
		"ids in base64": {
			strings.ReplaceAll(otlpJSON, "EEE19B7EC3C1B174", inBase64), contentJSON, "",
			http.StatusBadRequest, "expected hexadecimal digits",
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := New(Config{})
			got := post(v, "/v1/traces", test.body,
				"Content-Type", test.contentType, "Content-Encoding", test.encoding)
			if got.Code != test.code {
				t.Fatalf("answer %d %q, want %d", got.Code, got.Body, test.code)
			}
			message := got.Body.String()
			if test.contentType == contentJSON || test.contentType == contentProtobuf {
				message = statusMessage(t, test.contentType, got)
			}
			if !strings.Contains(message, test.message) {
				t.Errorf("message %q, want %q", message, test.message)
			}
			if len(v.store.traces) > 0 {
				t.Error("something was kept")
			}
		})
	}
}

// statusMessage decodes the Status that OTLP wants errors to be.
func statusMessage(t *testing.T, contentType string, answer *httptest.ResponseRecorder) string {
	t.Helper()
	if got := answer.Header().Get("Content-Type"); got != contentType {
		t.Errorf("the answer's content type is %q, want the request's, %q", got, contentType)
	}
	unmarshal := proto.Unmarshal
	if contentType == contentJSON {
		unmarshal = protojson.Unmarshal
	}
	status := &rpcstatus.Status{}
	if err := unmarshal(answer.Body.Bytes(), status); err != nil {
		t.Fatal(err)
	}
	return status.GetMessage()
}

func TestOTLPOverHTTPTakesGzipAsJSON(t *testing.T) {
	for _, encoding := range []string{"gzip", "GZIP", "x-gzip"} {
		v := New(Config{})
		got := post(v, "/v1/traces", zip(otlpJSON), "Content-Type", contentJSON, "Content-Encoding", encoding)
		if got.Code != http.StatusOK || len(v.store.traces) != 1 {
			t.Errorf("%s: answer %d %q, %d traces", encoding, got.Code, got.Body, len(v.store.traces))
		}
	}
	got := post(New(Config{}), "/v1/traces", otlpJSON, "Content-Type", contentJSON, "Content-Encoding", "Identity")
	if got.Code != http.StatusOK {
		t.Errorf("identity: answer %d %q", got.Code, got.Body)
	}
}

func TestRunEndsWithTheErrorOfAServer(t *testing.T) {
	v := New(Config{})
	var on Listeners
	for _, into := range []*net.Listener{&on.API, &on.OTLPGRPC, &on.OTLPHTTP} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		*into = listener
	}
	on.OTLPGRPC.Close()
	if err := v.Run(t.Context(), on, func(h http.Handler) http.Handler { return h }); err == nil {
		t.Error("run ended without an error, though one listener was closed")
	}
}

// What arrives over HTTP is refused or kept, and what is kept can be shown.
func FuzzOTLP(f *testing.F) {
	f.Add("/v1/traces", true, []byte(otlpJSON))
	f.Add("/v1/logs", true, []byte(otlpLogsJSON))
	f.Add("/v1/traces", true, []byte("\x87"))
	f.Add("/v1/traces", true, []byte(strings.Replace(otlpJSON, "a span", `caf\ud83d`+"\xe9", 1)))
	for path, message := range map[string]proto.Message{
		"/v1/traces": &collectorpb.ExportTraceServiceRequest{ResourceSpans: batch("order", newSpan(1, 1, 1))},
		"/v1/logs":   &logspb.ExportLogsServiceRequest{ResourceLogs: logBatch("order", newRecord(1, "text"), newRecord(0, "text"))},
	} {
		data, err := proto.Marshal(message)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(path, false, data)
	}
	f.Fuzz(func(t *testing.T, path string, asJSON bool, body []byte) {
		if path != "/v1/traces" && path != "/v1/logs" {
			return
		}
		v := New(Config{})
		contentType := contentProtobuf
		if asJSON {
			contentType = contentJSON
		}
		if got := post(v, path, string(body), "Content-Type", contentType); got.Code != http.StatusOK && got.Code != http.StatusBadRequest {
			t.Fatalf("answer %d %s", got.Code, got.Body)
		}
		questions := []string{"/api/logs", "/api/search?q=%7B%7D"}
		for _, trace := range v.store.all() {
			id := hex.EncodeToString(trace.id[:])
			questions = append(questions, "/api/v2/traces/"+id, "/api/stories/"+id)
		}
		for _, question := range questions {
			if got := get(v, question); got.Code != http.StatusOK {
				t.Errorf("%s: %d %s", question, got.Code, got.Body)
			}
		}
	})
}
