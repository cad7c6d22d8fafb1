package telemetry

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

func TestSetupExports(t *testing.T) {
	collector := startCollector(t)
	var stdout bytes.Buffer
	tel := setup(t, Config{Service: "order", Instance: "order-1", LogWriter: &stdout})

	ctx, span := tel.TracerProvider.Tracer("test").Start(t.Context(), "place order")
	tel.Logger.InfoContext(ctx, "order placed", "order", "o-1")
	tel.Logger.DebugContext(ctx, "too detailed for the default level")
	observe(t, tel, span.SpanContext())
	span.End()

	body := scrape(t, tel)
	traceID, id := span.SpanContext().TraceID(), span.SpanContext().SpanID()
	for _, want := range []string{
		`# {trace_id="` + traceID.String() + `"} 0.2`,                          // client_golang's exemplar
		`http_server_request_duration_seconds_bucket{http_route="/orders",le=`, // OTel's metric, without the Host header
		`otel_sdk_span_started_total{`,                                         // the SDK's own
		`otel_sdk_processor_span_queue_capacity{otel_component_name="batching_span_processor/`,
		`go_goroutines `, `process_resident_memory_bytes `, `go_build_info{`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("/metrics does not contain %s", want)
		}
	}
	for _, reject := range []string{"otel_scope_name=", "target_info"} {
		if strings.Contains(body, reject) {
			t.Errorf("/metrics contains %s", reject)
		}
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	spans, records := collector.received()
	if len(spans) != 1 || spans[0].GetName() != "place order" || !bytes.Equal(spans[0].GetTraceId(), traceID[:]) {
		t.Errorf("spans over OTLP: %v", spans)
	}
	if len(records) != 1 || records[0].GetBody().GetStringValue() != "order placed" ||
		!bytes.Equal(records[0].GetTraceId(), traceID[:]) || !bytes.Equal(records[0].GetSpanId(), id[:]) {
		t.Errorf("log records over OTLP: %v", records)
	}
	want := map[string]string{"service.name": "order", "service.instance.id": "order-1", "telemetry.sdk.language": "go"}
	for _, resource := range collector.resources {
		if diff := cmp.Diff(want, pick(resource, want)); diff != "" {
			t.Errorf("resource (-want +got):\n%s", diff)
		}
	}

	var line map[string]any
	if err := json.Unmarshal(stdout.Bytes(), &line); err != nil {
		t.Fatalf("stdout is not one JSON line: %v\n%s", err, stdout.String())
	}
	delete(line, "time")
	if diff := cmp.Diff(map[string]any{
		"level": "INFO", "msg": "order placed", "order": "o-1", "service": "order", "instance": "order-1",
		"trace_id": traceID.String(), "span_id": hex.EncodeToString(id[:]),
	}, line); diff != "" {
		t.Errorf("stdout (-want +got):\n%s", diff)
	}
}

func TestSetupPrefersTheEnvironmentsNames(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	t.Setenv("OTEL_LOGS_EXPORTER", "none")
	t.Setenv("OTEL_SERVICE_NAME", "shop-order")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=loses,service.instance.id=pod-7,deployment.environment.name=test")
	var stdout bytes.Buffer
	tel := setup(t, Config{Service: "order", Instance: "order-1", LogWriter: &stdout})
	tel.Logger.InfoContext(t.Context(), "hello")
	if line := stdout.String(); !strings.Contains(line, `"service":"shop-order","instance":"pod-7"`) {
		t.Errorf("stdout: %s", line)
	}
}

func TestSetupRejectsBadVariables(t *testing.T) {
	for variable, want := range map[string]string{
		"LOG_LEVEL":                      `LOG_LEVEL is "wrong", expected one of info, debug, warn, error (default info)`,
		"OTEL_TRACES_EXPORTER":           `OTEL_TRACES_EXPORTER is "wrong", expected one of otlp, console, none (default otlp)`,
		"OTEL_LOGS_EXPORTER":             `OTEL_LOGS_EXPORTER is "wrong", expected one of otlp, console, none (default otlp)`,
		"OTEL_EXPORTER_OTLP_PROTOCOL":    `OTEL_EXPORTER_OTLP_PROTOCOL is "wrong", expected one of http/protobuf, grpc (default http/protobuf)`,
		"OTEL_TRACES_SAMPLER":            `OTEL_TRACES_SAMPLER is "wrong", expected one of parentbased_always_on, `,
		"OTEL_BSP_SCHEDULE_DELAY":        `OTEL_BSP_SCHEDULE_DELAY is "wrong", expected a whole number above 0 (default 200)`,
		"OTEL_BSP_MAX_QUEUE_SIZE":        `OTEL_BSP_MAX_QUEUE_SIZE is "wrong", expected a whole number above 0 (default 16384)`,
		"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": `OTEL_BSP_MAX_EXPORT_BATCH_SIZE is "wrong", expected a whole number above 0 (default 2048)`,
		"OTEL_RESOURCE_ATTRIBUTES":       `OTEL_RESOURCE_ATTRIBUTES is "wrong", expected name=value,name=value: `,
		"OTEL_TRACES_SAMPLER_ARG":        `OTEL_TRACES_SAMPLER_ARG is "wrong", expected a number from 0 to 1 (default 1)`,
		"OTEL_EXPORTER_OTLP_ENDPOINT":    `OTEL_EXPORTER_OTLP_ENDPOINT is "wrong", expected a URL (default http://127.0.0.1:4318)`,
		"OTEL_GO_X_OBSERVABILITY":        `OTEL_GO_X_OBSERVABILITY is "wrong", expected one of true, false (default true)`,
		// Only the exporter itself reads this one, after other parts have started: they are stopped again.
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": `trace exporter: invalid OTLP protocol`,
	} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, "wrong")
			tel, err := Setup(t.Context(), Config{Service: "order", LogWriter: io.Discard})
			if err == nil {
				t.Fatal("Setup succeeded")
			}
			if tel != nil || !strings.HasPrefix(err.Error(), "set up telemetry: "+want) {
				t.Errorf("got %v, %v", tel, err)
			}
		})
	}
}

func TestSetupTakesTheSamplerFromTheEnvironment(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	t.Setenv("OTEL_LOGS_EXPORTER", "none")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	tel := setup(t, Config{Service: "order", LogWriter: io.Discard})
	_, span := tel.TracerProvider.Tracer("test").Start(t.Context(), "place order")
	defer span.End()
	if span.SpanContext().IsSampled() {
		t.Error("the span is sampled")
	}
}

// Without a collector both exporters fail for every batch. That is one line on stdout.
func TestCollectorAwayIsOneLine(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	var stdout bytes.Buffer
	tel := setup(t, Config{Service: "order", LogWriter: &stdout})

	for range 3 {
		_, span := tel.TracerProvider.Tracer("test").Start(t.Context(), "place order")
		span.End()
		if err := tel.TracerProvider.(*sdktrace.TracerProvider).ForceFlush(t.Context()); err == nil {
			t.Fatal("the span was exported")
		}
		_, span = tel.TracerProvider.Tracer("test").Start(t.Context(), "place order")
		span.End()
	}
	tel.Logger.Info("order placed")
	_ = tel.Shutdown(t.Context()) // whether it counts as failed depends on the exporter
	if n := strings.Count(stdout.String(), "connection refused"); n != 1 {
		t.Errorf("%d lines about the collector, want 1:\n%s", n, stdout.String())
	}
}

func setup(t *testing.T, cfg Config) *Telemetry {
	t.Helper()
	tel, err := Setup(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	return tel
}

// collector is an OTLP/HTTP receiver.
type collector struct {
	mu        sync.Mutex
	spans     []*tracepb.Span
	records   []*logspb.LogRecord
	resources [][]*commonpb.KeyValue
}

func startCollector(t *testing.T) *collector {
	c := &collector{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(_ http.ResponseWriter, r *http.Request) {
		var request coltrace.ExportTraceServiceRequest
		receive(t, r, &request)
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, rs := range request.GetResourceSpans() {
			c.resources = append(c.resources, rs.GetResource().GetAttributes())
			for _, ss := range rs.GetScopeSpans() {
				c.spans = append(c.spans, ss.GetSpans()...)
			}
		}
	})
	mux.HandleFunc("POST /v1/logs", func(_ http.ResponseWriter, r *http.Request) {
		var request collogs.ExportLogsServiceRequest
		receive(t, r, &request)
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, rl := range request.GetResourceLogs() {
			c.resources = append(c.resources, rl.GetResource().GetAttributes())
			for _, sl := range rl.GetScopeLogs() {
				c.records = append(c.records, sl.GetLogRecords()...)
			}
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	return c
}

func receive(t *testing.T, r *http.Request, into proto.Message) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	if err := proto.Unmarshal(body, into); err != nil {
		t.Error(err)
	}
}

func (c *collector) received() ([]*tracepb.Span, []*logspb.LogRecord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spans, c.records
}

func pick(attributes []*commonpb.KeyValue, keys map[string]string) map[string]string {
	picked := map[string]string{}
	for _, kv := range attributes {
		if _, ok := keys[kv.GetKey()]; ok {
			picked[kv.GetKey()] = kv.GetValue().GetStringValue()
		}
	}
	return picked
}

// observe records one reading with each of the two metric APIs.
func observe(t *testing.T, tel *Telemetry, sc trace.SpanContext) {
	t.Helper()
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "test_seconds", Help: "For this test."})
	tel.Registry.MustRegister(histogram)
	histogram.(prometheus.ExemplarObserver).ObserveWithExemplar(0.2, prometheus.Labels{"trace_id": sc.TraceID().String()})

	requests, err := tel.MeterProvider.Meter("test").Float64Histogram("http.server.request.duration", metric.WithUnit("s"))
	if err != nil {
		t.Fatal(err)
	}
	requests.Record(t.Context(), 0.1, metric.WithAttributes(
		semconv.HTTPRoute("/orders"), semconv.ServerAddress("attacker.example"), semconv.ServerPort(1)))
}

func scrape(t *testing.T, tel *Telemetry) string {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	response := httptest.NewRecorder()
	tel.AdminHandler(nil, nil, nil).ServeHTTP(response, request)
	if response.Code != http.StatusOK || !strings.HasPrefix(response.Header().Get("Content-Type"), "application/openmetrics-text") {
		t.Fatalf("/metrics: %d, %s", response.Code, response.Header().Get("Content-Type"))
	}
	return response.Body.String()
}
