package telemetrytest

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestWhatTheSDKCountsAsFailedIsAnError(t *testing.T) {
	registry := prometheus.NewRegistry()
	if err := nothingFailed(registry); err == nil {
		t.Error("without the SDK's metrics nobody knows")
	}
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "otel_sdk_processor_span_queue_capacity"})
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "otel_sdk_processor_span_processed_total"}, []string{"error_type"})
	registry.MustRegister(gauge, counter)
	if err := nothingFailed(registry); err != nil {
		t.Error(err)
	}
	counter.WithLabelValues("queue_full").Inc()
	if err := nothingFailed(registry); err == nil {
		t.Error("a drop is no error")
	}
}
