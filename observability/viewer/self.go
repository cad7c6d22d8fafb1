package viewer

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// TracerProvider makes spans of the service "viewer", such as those of an operator's actions on its page. They are stored as
// soon as they end; there is nothing to flush or to shut down.
func (v *Viewer) TracerProvider() trace.TracerProvider {
	return sdktrace.NewTracerProvider(
		sdktrace.WithSyncer(otlptrace.NewUnstarted(ownSpans{v.store})),
		sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithResource(resource.NewWithAttributes(semconv.SchemaURL,
			semconv.ServiceName("viewer"), semconv.ServiceInstanceID("viewer"))))
}

// ownSpans is an otlptrace.Client without a network.
type ownSpans struct{ store *store }

func (ownSpans) Start(context.Context) error { return nil }

func (ownSpans) Stop(context.Context) error { return nil }

func (s ownSpans) UploadTraces(_ context.Context, batches []*tracepb.ResourceSpans) error {
	_, err := s.store.add(batches)
	return err
}

// register makes the metrics about kept traces and logs. The registerer may be nil.
func (v *Viewer) register(registerer prometheus.Registerer) {
	in := promauto.With(registerer)
	traces := func(read func(*store) int64) func() float64 {
		return func() float64 {
			v.store.mu.RLock()
			defer v.store.mu.RUnlock()
			return float64(read(v.store))
		}
	}
	logs := func(read func(*logStore) int64) func() float64 {
		return func() float64 {
			v.logs.mu.RLock()
			defer v.logs.mu.RUnlock()
			return float64(read(v.logs))
		}
	}
	in.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "viewer_traces", Help: "Traces kept.",
	}, traces(func(s *store) int64 { return int64(len(s.traces)) }))
	in.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "viewer_trace_bytes", Help: "Memory that kept traces take.",
	}, traces(func(s *store) int64 { return s.size }))
	in.NewCounterFunc(prometheus.CounterOpts{
		Name: "viewer_evicted_traces_total", Help: "Traces dropped to make room for newer ones.",
	}, traces(func(s *store) int64 { return s.evicted }))
	in.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "viewer_logs", Help: "Log records kept.",
	}, logs(func(s *logStore) int64 { return int64(s.records.Len()) }))
	in.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "viewer_log_bytes", Help: "Memory that kept log records take.",
	}, logs(func(s *logStore) int64 { return s.size }))
	in.NewCounterFunc(prometheus.CounterOpts{
		Name: "viewer_evicted_logs_total", Help: "Log records dropped to make room for newer ones.",
	}, logs(func(s *logStore) int64 { return s.evicted }))
}
