package viewer

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// metric reads what the registry has under a name.
func metric(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue() + family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// A second of 20 000 spans and as many records, in a viewer that has room for a part of them.
func TestAFloodShowsInTheMetrics(t *testing.T) {
	const max, flood = 1 << 20, 20_000
	registry := prometheus.NewRegistry()
	v := New(Config{MaxBytes: max, Registerer: registry})
	v.logs.max = max
	for n := 1; n <= flood; n++ {
		mustAdd(t, v.store, batch("order", newSpan(n, 1, 1)))
		mustAddLogs(t, v.logs, logBatch("order", newRecord(n, "text")))
	}
	for of, names := range map[string][3]string{
		"traces": {"viewer_traces", "viewer_trace_bytes", "viewer_evicted_traces_total"},
		"logs":   {"viewer_logs", "viewer_log_bytes", "viewer_evicted_logs_total"},
	} {
		kept, bytes, evicted := metric(t, registry, names[0]), metric(t, registry, names[1]), metric(t, registry, names[2])
		if kept+evicted != flood || evicted == 0 || bytes > max || bytes < max/2 {
			t.Errorf("%s: %v kept in %v bytes, %v evicted; want %d in all, and at most %d bytes", of, kept, bytes, evicted, flood, max)
		}
	}
	if _, there := v.store.trace(traceID(newTraceID(1))); there || len(v.logs.of(traceID(newTraceID(1)))) != 0 {
		t.Error("the oldest trace or record is still there")
	}
	kept(t, v.store, flood)
}

func TestTheViewersOwnSpansAreKeptAtOnce(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off") // is about services
	v := New(Config{})
	_, span := v.TracerProvider().Tracer("page").Start(t.Context(), "redrive")
	span.End()
	stored, there := v.store.trace(traceID(span.SpanContext().TraceID()))
	if !there {
		t.Fatal("the span is not kept")
	}
	decoded, err := stored.decode()
	if err != nil {
		t.Fatal(err)
	}
	resource := decoded.GetResourceSpans()[0]
	got := []string{
		attributeOf(resource.GetResource().GetAttributes(), "service.name").GetStringValue(),
		resource.GetScopeSpans()[0].GetScope().GetName(), resource.GetScopeSpans()[0].GetSpans()[0].GetName(),
	}
	if diff := cmp.Diff([]string{"viewer", "page", "redrive"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// How many spans a second the viewer takes, in the batches that exporters send, while a page listens.
func BenchmarkReceive(b *testing.B) {
	v := New(Config{})
	subscription := v.Subscribe()
	defer subscription.Close()
	const perBatch = 500
	n := 0
	for b.Loop() {
		spans := batch("order")
		for range perBatch {
			n++
			spans[0].ScopeSpans[0].Spans = append(spans[0].ScopeSpans[0].Spans, newSpan(1+n/20, n, 1))
		}
		if _, err := v.store.add(spans); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "spans/s")
}
