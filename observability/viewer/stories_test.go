package viewer

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"example.com/clew/observability/viewer/story"
)

// read decodes what a path answers.
func read[T any](t *testing.T, v *Viewer, path string) (value T) {
	t.Helper()
	got := get(v, path)
	if got.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, got.Code, got.Body)
	}
	if err := json.Unmarshal(got.Body.Bytes(), &value); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return value
}

func about(order string, span *tracepb.Span) *tracepb.Span {
	span.Attributes = append(span.Attributes, text("messaging.system", "redis_streams"), text("messaging.message.conversation_id", order))
	return span
}

func linkTo(trace, id int, span *tracepb.Span) *tracepb.Span {
	span.Links = append(span.Links, &tracepb.Span_Link{TraceId: newTraceID(trace), SpanId: newSpanID(id)})
	return span
}

// Foreign SDKs send what JSON and browsers cannot hold.
func TestAStoryHoldsWhateverASpanHolds(t *testing.T) {
	v := New(Config{})
	span := newSpan(1, 1, 1)
	for key, value := range map[string]*commonpb.AnyValue{
		"nan":       {Value: &commonpb.AnyValue_DoubleValue{DoubleValue: math.NaN()}},
		"large":     {Value: &commonpb.AnyValue_IntValue{IntValue: math.MaxInt64}},
		"small":     {Value: &commonpb.AnyValue_IntValue{IntValue: 7}},
		"nothing":   nil,
		"__proto__": stringValue("x"),
		"list": {Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{
			{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: math.Inf(1)}}, stringValue("<b>"),
		}}}},
		"map": {Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: []*commonpb.KeyValue{text("k", "v")}}}},
	} {
		span.Attributes = append(span.Attributes, &commonpb.KeyValue{Key: key, Value: value})
	}
	mustAdd(t, v.store, batch("order", span))
	got := read[struct {
		Resources []map[string]any
		Nodes     []struct {
			Attributes map[string]any
			Resource   int
			Scope      string
		}
	}](t, v, "/api/stories/1")
	want := map[string]any{
		"nan": "NaN", "large": "9223372036854775807", "small": 7.0, "nothing": nil, "__proto__": "x", "list": []any{"+Inf", "<b>"},
		"map": map[string]any{"k": "v"},
	}
	if diff := cmp.Diff(want, got.Nodes[0].Attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if got.Resources[got.Nodes[0].Resource]["service.name"] != "order" || got.Nodes[0].Scope != "lib" {
		t.Errorf("%+v", got)
	}
}

func TestStoriesOfTracesThatAreNotHere(t *testing.T) {
	v := New(Config{})
	if got := read[struct{ Nodes []any }](t, v, "/api/stories/1"); got.Nodes == nil || len(got.Nodes) != 0 {
		t.Errorf("nodes %v, want an empty list", got.Nodes)
	}
	if got := read[struct{ Items []any }](t, v, "/api/stories/1/related"); got.Items == nil || len(got.Items) != 0 {
		t.Errorf("related %v, want an empty list", got.Items)
	}
	for _, path := range []string{"/api/stories/x", "/api/stories/x/related"} {
		if got := get(v, path); got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), "hexadecimal") {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
}

func TestRelatedTraces(t *testing.T) {
	v := New(Config{})
	odd := newSpan(1, 3, 100)
	odd.Links = []*tracepb.Span_Link{{TraceId: make([]byte, 16), SpanId: make([]byte, 8)}} // as somebody's SDK may send it
	mustAdd(t, v.store, batch("order", about("o-1", newSpan(1, 1, 100)), linkTo(3, 1, newSpan(1, 2, 100)), odd))
	mustAdd(t, v.store, batch("inventory", linkTo(1, 1, about("o-1", newSpan(2, 1, 103)))))
	mustAdd(t, v.store, batch("operator", newSpan(3, 1, 99)))             // linked to
	mustAdd(t, v.store, batch("audit", about("o-1", newSpan(4, 1, 105)))) // nothing links it
	mustAdd(t, v.store, batch("order", about("o-2", newSpan(5, 1, 101))))
	reading := newSpan(6, 1, 106) // GET /orders/o-1
	reading.Attributes = append(reading.Attributes, text("messaging.message.conversation_id", "o-1"))
	mustAdd(t, v.store, batch("order", reading))

	type link struct{ Name, From, To string }
	type item struct {
		Service, Name string
		Spans         int
		After         time.Duration
		Here, There   []link
	}
	got := read[struct{ Items []item }](t, v, "/api/stories/1/related").Items
	one, two := "0000000000000001", "0000000000000002"
	want := []item{
		{Service: "operator", Name: "span 1", Spans: 1, After: -time.Second, There: []link{{"span 2", two, one}}},
		{Service: "inventory", Name: "span 1", Spans: 1, After: 3 * time.Second, Here: []link{{"span 1", one, one}}},
		{Service: "audit", Name: "span 1", Spans: 1, After: 5 * time.Second},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("related (-want +got):\n%s", diff)
	}
}

func TestTracesOfAnOrder(t *testing.T) {
	v := New(Config{})
	mustAdd(t, v.store, batch("order", about("o-1", newSpan(1, 1, 100))))
	mustAdd(t, v.store, batch("order", about(`o"1`, newSpan(2, 1, 200))))
	for _, test := range []struct {
		order string
		since time.Time
		want  int
	}{
		{"o-1", time.Time{}, 1}, {"o-1", time.Unix(101, 0), 1}, {"o-1", time.Unix(102, 0), 0}, {`o"1`, time.Time{}, 1}, {"o-2", time.Time{}, 0},
	} {
		got, err := v.TracesOf(t.Context(), test.order, test.since)
		if err != nil || len(got) != test.want {
			t.Errorf("%s since %v: %d traces, %v; want %d", test.order, test.since, len(got), err, test.want)
		}
	}
}

func TestSummariesOfTraces(t *testing.T) {
	v := New(Config{})
	failed := newSpan(2, 1, 1)
	failed.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR}
	mustAdd(t, v.store, batch("order", newSpan(1, 1, 1), failed))
	got := read[map[string]story.Summary](t, v, "/api/summaries?id=1&id=2&id=3")
	none := map[string]time.Duration{}
	want := map[string]story.Summary{
		"00000000000000000000000000000001": {Spans: 1, Services: []string{"order"}, Waits: none},
		"00000000000000000000000000000002": {Spans: 1, Services: []string{"order"}, Errors: 1, Waits: none, Outcome: "failed"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := get(v, "/api/summaries?id=x"); got.Code != http.StatusBadRequest {
		t.Errorf("of no id: %d %s", got.Code, got.Body)
	}
}
