package browsertest

import (
	"fmt"
	"iter"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"example.com/clew/observability/viewer/story/storytest"
)

// A recording is one order and its traces, see storytest.
type recording struct {
	order  string
	traces []trace // first the one in which it was placed
}

// trace is one of them.
type trace struct {
	id    string
	spans *tracepb.TracesData
}

func recorded(t *testing.T, kind string) (s recording) {
	t.Helper()
	for _, spans := range storytest.Recorded(t, kind) {
		recorded := trace{spans: spans}
		for span := range recorded.all() {
			recorded.id = fmt.Sprintf("%x", span.GetTraceId())
		}
		s.traces = append(s.traces, recorded)
	}
	for span := range s.traces[0].all() {
		if order := attributeOf(span, "messaging.message.conversation_id"); order != "" {
			s.order = order
		}
	}
	return s
}

func (t trace) all() iter.Seq[*tracepb.Span] {
	return func(yield func(*tracepb.Span) bool) {
		for _, resource := range t.spans.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					if !yield(span) {
						return
					}
				}
			}
		}
	}
}

// attributeOf returns an attribute that is one, or "".
func attributeOf(span *tracepb.Span, key string) string {
	for _, a := range span.GetAttributes() {
		if a.GetKey() == key {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// asOrder is what the order API answers of it.
func (s recording) asOrder(sku, status string) object {
	first := ^uint64(0)
	for span := range s.traces[0].all() {
		first = min(first, span.GetStartTimeUnixNano())
	}
	return object{
		"id": s.order, "customer_id": "page", "status": status, "reason": "", "currency": "EUR", "total_cents": 1999,
		"items": []object{{"sku": sku, "quantity": 1, "unit_price_cents": 1999}}, "trace_id": s.traces[0].id,
		"created_at": time.Unix(0, int64(first)).UTC().Format(time.RFC3339Nano),
	}
}
