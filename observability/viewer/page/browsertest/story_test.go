package browsertest

import (
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// A recording is one order and its traces, see the stories' testdata.
type recording struct {
	order  string
	traces []trace // first the one in which it was placed
}

// trace is what a Clew answered of one.
type trace struct {
	id     string
	answer json.RawMessage
	spans  *tracepb.TracesData
}

func recorded(t *testing.T, kind string) (s recording) {
	t.Helper()
	data, err := os.ReadFile("../../story/testdata/" + kind + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var answers []struct{ Trace json.RawMessage }
	if err := json.Unmarshal(data, &answers); err != nil {
		t.Fatal(err)
	}
	for _, answer := range answers {
		s.traces = append(s.traces, decodeTrace(t, answer.Trace))
	}
	for span := range s.traces[0].all() {
		if order := attributeOf(span, "messaging.message.conversation_id"); order != "" {
			s.order = order
		}
	}
	return s
}

func decodeTrace(t *testing.T, answer json.RawMessage) trace {
	t.Helper()
	decoded := trace{answer: answer, spans: &tracepb.TracesData{}}
	if err := protojson.Unmarshal(answer, decoded.spans); err != nil {
		t.Fatal(err)
	}
	for span := range decoded.all() {
		decoded.id = fmt.Sprintf("%x", span.GetTraceId())
	}
	return decoded
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
