package viewer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

func mustAdd(t *testing.T, s *store, batches []*tracepb.ResourceSpans) {
	t.Helper()
	if refused, reason := s.add(batches); refused > 0 {
		t.Fatalf("%d spans refused: %v", refused, reason)
	}
}

// kept returns a trace decoded, and fails if there is none.
func kept(t *testing.T, s *store, id int) []*tracepb.ResourceSpans {
	t.Helper()
	trace, ok := s.trace(traceID(newTraceID(id)))
	if !ok {
		t.Fatalf("trace %d is not kept", id)
	}
	decoded, err := trace.decode()
	if err != nil {
		t.Fatal(err)
	}
	return decoded.GetResourceSpans()
}

func TestStoreKeepsSpansUnchanged(t *testing.T) {
	span := newSpan(1, 1, 1)
	span.ParentSpanId = newSpanID(9)
	span.TraceState = "a=b"
	span.Flags = 0x101
	span.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "broken"}
	span.Attributes = []*commonpb.KeyValue{
		text("a", "b"),
		{Key: "n", Value: intValue(3)},
		{Key: "list", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{
			ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{stringValue("x")}},
		}}},
	}
	span.Events = []*tracepb.Span_Event{{
		TimeUnixNano: 5, Name: "takeover", Attributes: []*commonpb.KeyValue{text("c", "d")}, DroppedAttributesCount: 1,
	}}
	span.Links = []*tracepb.Span_Link{{
		TraceId: newTraceID(7), SpanId: newSpanID(8), TraceState: "l=m", Flags: 0x301,
		Attributes: []*commonpb.KeyValue{text("e", "f")}, DroppedAttributesCount: 2,
	}}
	span.DroppedAttributesCount, span.DroppedEventsCount, span.DroppedLinksCount = 3, 4, 5
	sent := batch("order", span)
	sent[0].Resource.DroppedAttributesCount = 6
	sent[0].ScopeSpans[0].SchemaUrl = "https://example.com/schema"
	sent[0].ScopeSpans[0].Scope.Version = "v1"
	want := []*tracepb.ResourceSpans{proto.CloneOf(sent[0])}

	s := newStore(DefaultMaxBytes)
	mustAdd(t, s, sent)
	if diff := cmp.Diff(want, kept(t, s, 1), protocmp.Transform()); diff != "" {
		t.Errorf("kept otherwise than sent (-sent +kept):\n%s", diff)
	}
}

func TestStoreMergesATraceAndKeepsASpanOnce(t *testing.T) {
	s := newStore(DefaultMaxBytes)
	mustAdd(t, s, batch("order", newSpan(1, 1, 1), newSpan(2, 2, 1)))
	mustAdd(t, s, batch("inventory", newSpan(1, 3, 2)))
	again := newSpan(1, 1, 1)
	again.Name = "sent again"
	mustAdd(t, s, batch("order", again, newSpan(1, 4, 3)))

	want := append(batch("order", newSpan(1, 1, 1), newSpan(1, 4, 3)), batch("inventory", newSpan(1, 3, 2))...)
	if diff := cmp.Diff(want, kept(t, s, 1), protocmp.Transform()); diff != "" {
		t.Errorf("trace 1 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(batch("order", newSpan(2, 2, 1)), kept(t, s, 2), protocmp.Transform()); diff != "" {
		t.Errorf("trace 2 (-want +got):\n%s", diff)
	}
	if got := len(s.shared); got != 3 {
		t.Errorf("%d resources and scopes are kept, want two resources and one scope", got)
	}
}

func TestStoreKeepsAClientAndItsServerOfOneID(t *testing.T) {
	s := newStore(DefaultMaxBytes)
	client, server, again := newSpan(1, 1, 1), newSpan(1, 1, 2), newSpan(1, 1, 3)
	client.Kind = tracepb.Span_SPAN_KIND_CLIENT
	mustAdd(t, s, batch("order", client, server, again))
	want := batch("order", client, server)
	if diff := cmp.Diff(want, kept(t, s, 1), protocmp.Transform()); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

func TestATraceStartsWithTheFirstSpanThatSaysWhen(t *testing.T) {
	s := newStore(DefaultMaxBytes)
	endsBefore := newSpan(1, 1, 5)
	endsBefore.EndTimeUnixNano = 1
	mustAdd(t, s, batch("order", endsBefore, &tracepb.Span{TraceId: newTraceID(1), SpanId: newSpanID(2)}))
	if got, _ := s.trace(traceID(newTraceID(1))); got.start != 5*second || got.end != 5*second {
		t.Errorf("from %d to %d, want both to be the 5th second", got.start, got.end)
	}
}

func TestStoreRefusesInvalidIDs(t *testing.T) {
	for name, span := range map[string]*tracepb.Span{
		"no trace id":    {SpanId: newSpanID(1)},
		"zero trace id":  {TraceId: newTraceID(0), SpanId: newSpanID(1)},
		"short trace id": {TraceId: newTraceID(1)[8:], SpanId: newSpanID(1)},
		"no span id":     {TraceId: newTraceID(1)},
		"zero span id":   {TraceId: newTraceID(1), SpanId: newSpanID(0)},
		"long span id":   {TraceId: newTraceID(1), SpanId: newTraceID(1)},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(DefaultMaxBytes)
			refused, reason := s.add(batch("order", span, newSpan(2, 2, 1)))
			if refused != 1 || !errors.Is(reason, errInvalidID) {
				t.Errorf("refused %d: %v; want 1: %v", refused, reason, errInvalidID)
			}
			if len(s.traces) != 1 {
				t.Errorf("%d traces are kept, want the valid one", len(s.traces))
			}
		})
	}
}

func TestStoreEvictsTheTraceLeastRecentlyWrittenTo(t *testing.T) {
	s := newStore(DefaultMaxBytes)
	for id := 1; id <= 5; id++ {
		mustAdd(t, s, batch("order", newSpan(id, 1, 1)))
	}
	mustAdd(t, s, batch("order", newSpan(1, 2, 1)))
	s.max = s.size
	mustAdd(t, s, batch("order", newSpan(6, 1, 1)))
	if got := len(s.traces); got != 5 {
		t.Errorf("%d traces are kept, want one of six gone", got)
	}
	if _, ok := s.trace(traceID(newTraceID(2))); ok {
		t.Error("trace 2 is kept, though it was written to before all others")
	}
	if got := len(kept(t, s, 1)[0].GetScopeSpans()[0].GetSpans()); got != 2 {
		t.Errorf("trace 1 has %d spans, want both", got)
	}
}

func TestStoreReleasesWhatEvictedTracesShared(t *testing.T) {
	s := newStore(64 << 10)
	for id := 1; id < 1000; id++ {
		mustAdd(t, s, batch(fmt.Sprint("service ", id), newSpan(id, 1, 1)))
	}
	if resources, traces := len(s.shared)-1, len(s.traces); resources != traces {
		t.Errorf("%d resources are kept for %d traces with one each", resources, traces)
	}
	s.max = 0
	s.evict()
	if s.size != 0 || len(s.shared) != 0 || len(s.traces) != 0 {
		t.Errorf("without traces, %d bytes and %d resources and scopes are kept", s.size, len(s.shared))
	}
}

func TestStoreBoundsOneTrace(t *testing.T) {
	const max = 64 << 10
	s := newStore(max)
	mustAdd(t, s, batch("order", newSpan(1, 1, 1)))
	var refused int64
	var reason error
	for span := 1; refused == 0; span++ {
		refused, reason = s.add(batch("order", newSpan(2, span, 1)))
	}
	if !errors.Is(reason, errTraceTooLong) {
		t.Errorf("refused: %v; want %v", reason, errTraceTooLong)
	}
	endless, _ := s.trace(traceID(newTraceID(2)))
	if !endless.partial || endless.size > max/traceShare {
		t.Errorf("the endless trace: partial %v, %d bytes; want at most %d", endless.partial, endless.size, max/traceShare)
	}
	kept(t, s, 1)
}

// Spans of all sizes, with resources of their own, fill a store many times over: what it counts stays under its bound,
// and is what the process really uses.
func TestStoreStaysBoundedWhenFlooded(t *testing.T) {
	const max = 4 << 20
	for name, flood := range map[string]struct{ spansPerTrace, attributeBytes, services int }{
		"tiny traces":       {1, 0, 1},
		"orders":            {20, 300, 2},
		"long traces":       {2000, 100, 2},
		"large spans":       {2, 20_000, 2},
		"a resource a span": {2, 10, 1 << 30},
	} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			s := newStore(max)
			var sent int64
			for n := 0; sent < 2*max; n++ {
				span := newSpan(1+n/flood.spansPerTrace, n+1, 1)
				span.Attributes = []*commonpb.KeyValue{text("padding", strings.Repeat("x", flood.attributeBytes))}
				mustAdd(t, s, batch(fmt.Sprint("service ", n%flood.services), span))
				sent += int64(proto.Size(span)) + spanOverhead
				if s.size > max {
					t.Fatalf("%d bytes after %d spans, want at most %d", s.size, n, max)
				}
			}
			used := heap() - before
			t.Logf("counted %d bytes in %d traces, used %d", s.size, len(s.traces), used)
			if s.size < max/2 {
				t.Errorf("counted %d bytes: the flood did not fill the store", s.size)
			}
			if used > s.size+s.size/20 {
				t.Errorf("counted %d bytes, but %d are used", s.size, used)
			}
			runtime.KeepAlive(s)
		})
	}
}

func TestStoreStaysBoundedByRefusedSpans(t *testing.T) {
	s := newStore(64 << 10)
	for n := 1; n < 1000; n++ {
		span := newSpan(n, 1, 1)
		span.Name = strings.Repeat("x", 32<<10)
		if refused, reason := s.add(batch("order", span)); refused != 1 || !errors.Is(reason, errTraceTooLong) {
			t.Fatalf("refused %d: %v; want 1: %v", refused, reason, errTraceTooLong)
		}
	}
	if s.size > s.max {
		t.Errorf("%d bytes are kept, want at most %d", s.size, s.max)
	}
}

// heap returns the bytes that live objects take.
func heap() int64 {
	runtime.GC()
	runtime.GC() // the first may only finish the sweep of an earlier cycle
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func TestStoreServesReadersWhileWritersEvict(t *testing.T) {
	s := newStore(256 << 10)
	q, err := parseQuery(`{ resource.service.name = "order" && duration > 0s }`)
	if err != nil {
		t.Fatal(err)
	}
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for w := range 4 {
		writers.Go(func() {
			for n := range 2000 {
				mustAddConcurrently(t, s, batch("order", newSpan(1+n/10, w*2000+n+1, uint64(n))))
			}
		})
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				found, err := s.search(t.Context(), searchRequest{query: q, limit: 50})
				if err != nil {
					t.Error(err)
					return
				}
				for _, trace := range found.Traces {
					if trace.SpanSets[0].Matched == 0 {
						t.Errorf("trace %s was found without a matching span", trace.TraceID)
					}
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if s.size > s.max {
		t.Errorf("%d bytes are kept, want at most %d", s.size, s.max)
	}
}

func mustAddConcurrently(t *testing.T, s *store, batches []*tracepb.ResourceSpans) {
	if refused, reason := s.add(batches); refused > 0 {
		t.Errorf("%d spans refused: %v", refused, reason)
	}
}

func BenchmarkSearchFullStore(b *testing.B) {
	s := newStore(DefaultMaxBytes)
	for n := 0; s.size < DefaultMaxBytes-(1<<20); n++ {
		span := newSpan(1+n/20, n+1, 1)
		for a := range 10 {
			span.Attributes = append(span.Attributes, text(fmt.Sprint("messaging.attribute.", a), rand.Text()))
		}
		if _, err := s.add(batch("order", span)); err != nil {
			b.Fatal(err)
		}
	}
	q, err := parseQuery(`{ .messaging.attribute.9 = "not there" }`)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.search(b.Context(), searchRequest{query: q, limit: 20}); err != nil {
			b.Fatal(err)
		}
	}
}
