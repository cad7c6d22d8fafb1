package histogram_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/trace"

	"example.com/clew/services/messaging/internal/histogram"
)

// span returns a span's context, which is told from others by its number.
func span(n byte, flags trace.TraceFlags) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{n}, SpanID: trace.SpanID{n}, TraceFlags: flags,
	})
}

func TestEachBucketHasAnExemplarOfASampledTrace(t *testing.T) {
	bounds := []float64{1, 2}
	all := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "h", Buckets: bounds})
	h := histogram.New(all, bounds)
	for _, observed := range []struct {
		seconds float64
		span    trace.SpanContext
	}{
		{0.5, span(1, 0)},                  // not sampled
		{0.5, span(2, trace.FlagsSampled)}, // the first of its bucket
		{0.6, span(3, trace.FlagsSampled)}, // too soon after it, unless the machine is slow: either is fine
		{1, span(4, trace.FlagsSampled)},   // on the bound: of the same bucket
		{1.5, trace.SpanContext{}},         // no trace
		{9, span(5, trace.FlagsSampled)},   // above all bounds
	} {
		h.Observe(observed.seconds, observed.span)
	}
	var metric dto.Metric
	if err := all.Write(&metric); err != nil {
		t.Fatal(err)
	}
	buckets := metric.GetHistogram().GetBucket()
	if n := metric.GetHistogram().GetSampleCount(); n != 6 || len(buckets) != 3 {
		t.Fatalf("%d observations in %d buckets, expected 6 in 3, +Inf having an exemplar", n, len(buckets))
	}
	of := func(bucket int) string { return buckets[bucket].GetExemplar().GetLabel()[0].GetValue() }
	if got := of(0); got[:2] < "02" || got[:2] > "04" {
		t.Errorf("the first bucket's exemplar is %s", got)
	}
	if buckets[1].GetExemplar() != nil {
		t.Error("a bucket without a trace has an exemplar")
	}
	if got, want := of(2), span(5, 0).TraceID().String(); got != want {
		t.Errorf("+Inf's exemplar is %s, expected %s", got, want)
	}
}

func BenchmarkObserve(b *testing.B) {
	bounds := []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}
	all := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "h", Buckets: bounds})
	h := histogram.New(all, bounds)
	b.Run("each with an exemplar", func(b *testing.B) {
		for b.Loop() {
			all.(prometheus.ExemplarObserver).ObserveWithExemplar(0.02,
				prometheus.Labels{"trace_id": span(1, trace.FlagsSampled).TraceID().String()})
		}
	})
	b.Run("some with an exemplar", func(b *testing.B) {
		for b.Loop() {
			h.Observe(0.02, span(1, trace.FlagsSampled))
		}
	})
}
