package telemetry

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
)

// What the full queue of a collector that hangs drops is counted, and the rest arrives.
func TestDroppedSpansAreCounted(t *testing.T) {
	const ended = 50
	release, received := make(chan struct{}), make(chan int, ended)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var request coltrace.ExportTraceServiceRequest
		receive(t, r, &request)
		for _, rs := range request.GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				received <- len(ss.GetSpans())
			}
		}
		<-release
	}))
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "4")
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")
	tel := setup(t, Config{Service: "order", LogWriter: io.Discard})

	tracer := tel.TracerProvider.Tracer("test")
	for range ended {
		_, span := tracer.Start(t.Context(), "place order")
		span.End()
	}
	dropped := int(series(t, tel.Registry, "otel_sdk_processor_span_processed_total", "error_type", "queue_full"))
	if capacity := series(t, tel.Registry, "otel_sdk_processor_span_queue_capacity", "error_type", ""); capacity != 4 || dropped == 0 {
		t.Errorf("the queue's capacity is %g, %d spans were dropped, want 4 and some", capacity, dropped)
	}

	close(release)
	if err := tel.TracerProvider.(interface{ ForceFlush(context.Context) error }).ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	exported := int(series(t, tel.Registry, "otel_sdk_exporter_span_exported_total", "error_type", ""))
	close(received)
	arrived := 0
	for n := range received {
		arrived += n
	}
	if arrived+dropped != ended || exported != arrived {
		t.Errorf("of %d spans %d arrived, %d count as exported and %d as dropped", ended, arrived, exported, dropped)
	}
}

// series returns the value of the one series of a metric that has the label with the value; empty: that lacks the label.
func series(t *testing.T, registry *prometheus.Registry, name, label, value string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			got := ""
			for _, pair := range metric.GetLabel() {
				if pair.GetName() == label {
					got = pair.GetValue()
				}
			}
			if got == value {
				return metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("there is no %s{%s=%q}", name, label, value)
	return 0
}
