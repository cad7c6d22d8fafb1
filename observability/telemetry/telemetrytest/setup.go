package telemetrytest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/clew/observability/telemetry"
)

// Setup calls telemetry.Setup for a service: its spans are exported as the environment says, and recorded as well. Its log goes
// to the test's output. The end of the test shuts it down, and fails the test if anything was dropped or not exported.
func (r *Recorder) Setup(t testing.TB, service string) *telemetry.Telemetry {
	t.Helper()
	log := &testOutput{w: t.Output()}
	t.Cleanup(log.close)
	tel, err := telemetry.Setup(t.Context(), telemetry.Config{Service: service, Instance: service, LogWriter: log})
	if err != nil {
		t.Fatal(err)
	}
	tracers := tel.TracerProvider.(*sdktrace.TracerProvider)
	tracers.RegisterSpanProcessor(processor{r})
	t.Cleanup(func() {
		ctx := context.Background() // the test's has ended
		if err := errors.Join(tracers.ForceFlush(ctx), nothingFailed(tel.Registry), tel.Shutdown(ctx)); err != nil {
			t.Errorf("the telemetry of %s: %v", service, err)
		}
	})
	return tel
}

// nothingFailed returns an error that names the failures in the SDK's own metrics.
func nothingFailed(registry prometheus.Gatherer) error {
	families, err := registry.Gather()
	errs, processors := []error{err}, 0
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "otel_sdk_") {
			continue
		}
		if family.GetName() == "otel_sdk_processor_span_queue_capacity" {
			processors = len(family.GetMetric())
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "error_type" {
					errs = append(errs, fmt.Errorf("%s: %s", family.GetName(), metric))
				}
			}
		}
	}
	if processors == 0 {
		errs = append(errs, errors.New("nothing tells whether spans were dropped"))
	}
	return errors.Join(errs...)
}
