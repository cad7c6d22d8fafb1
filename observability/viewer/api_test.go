package viewer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"example.com/clew/observability/telemetry/httpserver"
)

// get asks the query API; headers are pairs of name and value.
func get(v *Viewer, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	v.Handler().ServeHTTP(w, r)
	return w
}

// sameJSON compares as JSON values, so that order of fields and spaces do not matter.
func sameJSON(t *testing.T, want, got string) {
	t.Helper()
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("answer %q: %v", got, err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestMetricsAreAskedForOnTheSamePort(t *testing.T) {
	with := New(Config{Metrics: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("metrics answer " + r.URL.Path))
	})})
	for _, path := range []string{"/metrics", "/api/v1/query"} {
		if got := get(with, path); got.Body.String() != "metrics answer "+path {
			t.Errorf("%s is answered %d %s", path, got.Code, got.Body)
		}
		if got := get(New(Config{}), path); got.Code != http.StatusNotFound {
			t.Errorf("without metrics, %s is answered %d, want 404", path, got.Code)
		}
	}
}

func TestTraceAsTempoAnswersIt(t *testing.T) {
	v := New(Config{})
	span := newSpan(1, 2, 1)
	span.ParentSpanId = newSpanID(1)
	span.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "broken"}
	span.Attributes = []*commonpb.KeyValue{{Key: "n", Value: intValue(7)}}
	span.Events = []*tracepb.Span_Event{{TimeUnixNano: 5, Name: "takeover"}}
	span.Links = []*tracepb.Span_Link{{TraceId: newTraceID(3), SpanId: newSpanID(4)}}
	mustAdd(t, v.store, batch("order", span))

	got := get(v, "/api/v2/traces/00000000000000000000000000000001", "Accept", "application/json")
	if got.Code != http.StatusOK || got.Header().Get("Content-Type") != contentJSON {
		t.Fatalf("answer %d, %s: %s", got.Code, got.Header(), got.Body)
	}
	trace, _ := v.store.trace(traceID(newTraceID(1)))
	sameJSON(t, fmt.Sprintf(`{
		"trace": {"resourceSpans": [{
			"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "order"}}]},
			"schemaUrl": "https://opentelemetry.io/schemas/1.43.0",
			"scopeSpans": [{
				"scope": {"name": "lib"},
				"spans": [{
					"traceId": "AAAAAAAAAAAAAAAAAAAAAQ==",
					"spanId": "AAAAAAAAAAI=",
					"parentSpanId": "AAAAAAAAAAE=",
					"name": "span 2",
					"kind": "SPAN_KIND_SERVER",
					"startTimeUnixNano": "1000000000",
					"endTimeUnixNano": "2000000000",
					"attributes": [{"key": "n", "value": {"intValue": "7"}}],
					"events": [{"timeUnixNano": "5", "name": "takeover"}],
					"links": [{"traceId": "AAAAAAAAAAAAAAAAAAAAAw==", "spanId": "AAAAAAAAAAQ="}],
					"status": {"code": "STATUS_CODE_ERROR", "message": "broken"}
				}]
			}]
		}]},
		"metrics": {"inspectedBytes": "%d"}
	}`, trace.size), got.Body.String())
}

func TestTraceAsProtobuf(t *testing.T) {
	v := New(Config{})
	mustAdd(t, v.store, batch("order", newSpan(1, 1, 1)))
	got := get(v, "/api/v2/traces/1", "Accept", "application/protobuf")
	if got.Code != http.StatusOK || got.Header().Get("Content-Type") != contentTempoProtobuf {
		t.Fatalf("answer %d, %s", got.Code, got.Header())
	}
	field, _, n := protowire.ConsumeTag(got.Body.Bytes())
	trace, _ := protowire.ConsumeBytes(got.Body.Bytes()[n:])
	decoded := &tracepb.TracesData{}
	if err := proto.Unmarshal(trace, decoded); err != nil || field != fieldTrace {
		t.Fatalf("field %d: %v", field, err)
	}
	want := batch("order", newSpan(1, 1, 1))
	if diff := cmp.Diff(want, decoded.GetResourceSpans(), protocmp.Transform()); diff != "" {
		t.Errorf("trace (-want +got):\n%s", diff)
	}
}

func TestTraceThatWasCutSaysSo(t *testing.T) {
	v := New(Config{MaxBytes: 64 << 10})
	for span, full := 1, false; !full; span++ {
		refused, _ := v.store.add(batch("order", newSpan(1, span, 1)))
		full = refused > 0
	}
	var answer traceByID
	if err := json.Unmarshal(get(v, "/api/v2/traces/1").Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Status != "PARTIAL" || answer.Message != partialMessage {
		t.Errorf("status %q, message %q", answer.Status, answer.Message)
	}
	body := get(v, "/api/v2/traces/1", "Accept", contentTempoProtobuf).Body.String()
	if !strings.Contains(body, partialMessage) {
		t.Error("the protobuf answer has no message")
	}
}

func TestTraceIDs(t *testing.T) {
	v := New(Config{})
	mustAdd(t, v.store, batch("order", newSpan(0xabc, 1, 1)))
	for id, want := range map[string]struct {
		code int
		body string
	}{
		"00000000000000000000000000000abc":  {http.StatusOK, `"name":"span 1"`},
		"00000000000000000000000000000ABC":  {http.StatusOK, `"name":"span 1"`},
		"abc":                               {http.StatusOK, `"name":"span 1"`},
		"00000000000000000000000000000abd":  {http.StatusOK, `{"trace":{},"metrics":{}}`},
		"00000000000000000000000000000abx":  {http.StatusBadRequest, "expected hexadecimal digits"},
		"000000000000000000000000000000abc": {http.StatusBadRequest, "expected at most 32"},
		"%20":                               {http.StatusBadRequest, "expected hexadecimal digits"},
	} {
		t.Run(id, func(t *testing.T) {
			got := get(v, "/api/v2/traces/"+id)
			if got.Code != want.code || !strings.Contains(got.Body.String(), want.body) {
				t.Errorf("answer %d %q, want %d with %q", got.Code, got.Body, want.code, want.body)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	for path, want := range map[string]struct {
		code int
		body string
	}{
		"/":               {http.StatusNotFound, "404 page not found\n"},
		"/ready":          {http.StatusOK, "ready\n"},
		"/api/v2/traces/": {http.StatusNotFound, "404 page not found\n"},
		"/api/traces/1":   {http.StatusNotFound, "404 page not found\n"},
		"/v1/traces":      {http.StatusNotFound, "404 page not found\n"},
	} {
		t.Run(path, func(t *testing.T) {
			if got := get(New(Config{}), path); got.Code != want.code || got.Body.String() != want.body {
				t.Errorf("answer %d %q, want %d %q", got.Code, got.Body, want.code, want.body)
			}
		})
	}
}

func searchFor(v *Viewer, q string, more ...string) *httptest.ResponseRecorder {
	values := url.Values{}
	if q != "" {
		values.Set("q", q)
	}
	for i := 0; i < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	return get(v, "/api/search?"+values.Encode())
}

// orders is a viewer with three orders, at seconds 10, 20 and 30: a request in order, and its processing in inventory.
func orders(t *testing.T) *Viewer {
	v := New(Config{})
	for n := 1; n <= 3; n++ {
		id := text("messaging.message.conversation_id", fmt.Sprintf("order-%d", n))
		request := newSpan(n, 1, uint64(n*10))
		request.Name = "POST /orders"
		process := newSpan(n, 2, uint64(n*10+1))
		process.ParentSpanId = newSpanID(1)
		process.Name = "process orders"
		process.Kind = tracepb.Span_SPAN_KIND_CONSUMER
		process.Attributes = []*commonpb.KeyValue{id, text("messaging.system", "redis_streams")}
		if n == 2 {
			process.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR}
		}
		if n == 1 {
			process.EndTimeUnixNano += second
		}
		mustAdd(t, v.store, batch("inventory", process))
		mustAdd(t, v.store, batch("order", request))
	}
	return v
}

func TestSearch(t *testing.T) {
	v := orders(t)
	for name, test := range map[string]struct {
		query []string
		want  string // the traces found
	}{
		"all":                      {[]string{""}, "3 2 1"},
		"all, in TraceQL":          {[]string{"{}"}, "3 2 1"},
		"service":                  {[]string{`{ resource.service.name = "inventory" }`}, "3 2 1"},
		"unknown service":          {[]string{`{ resource.service.name = "payment" }`}, ""},
		"name":                     {[]string{`{ name = "POST /orders" }`}, "3 2 1"},
		"order id":                 {[]string{`{ span.messaging.message.conversation_id = "order-2" }`}, "2"},
		"attribute":                {[]string{`{ .messaging.system = "redis_streams" }`}, "3 2 1"},
		"status":                   {[]string{`{ status = error }`}, "2"},
		"both on one span":         {[]string{`{ resource.service.name = "inventory" && status = error }`}, "2"},
		"each on a span":           {[]string{`{ resource.service.name = "order" && status = error }`}, ""},
		"limit":                    {[]string{"{}", "limit", "2"}, "3 2"},
		"from":                     {[]string{"{}", "start", "15", "end", "100"}, "3 2"},
		"until":                    {[]string{"{}", "end", "15"}, "1"},
		"at least as long":         {[]string{"{}", "minDuration", "2500ms", "limit", "1"}, "1"},
		"at most as long":          {[]string{"{}", "maxDuration", "2s"}, "3 2"},
		"of that length":           {[]string{`{ name = "POST /orders" }`, "minDuration", "3s", "maxDuration", "1m"}, "1"},
		"long, in TraceQL":         {[]string{`{ traceDuration > 2s }`, "limit", "1"}, "1"},
		"by its root":              {[]string{`{ rootName = "POST /orders" && rootServiceName = "order" && status = error }`}, "2"},
		"by another root":          {[]string{`{ rootName = "process orders" }`}, ""},
		"started before, still on": {[]string{"{}", "start", "21", "end", "22"}, "2"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := searchFor(v, test.query[0], test.query[1:]...)
			var found searchResponse
			if err := json.Unmarshal(answer.Body.Bytes(), &found); err != nil {
				t.Fatalf("answer %d %q: %v", answer.Code, answer.Body, err)
			}
			var ids []string
			for _, trace := range found.Traces {
				ids = append(ids, strings.TrimLeft(trace.TraceID, "0"))
			}
			if got := strings.Join(ids, " "); got != test.want {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

func TestSearchAsTempoAnswersIt(t *testing.T) {
	v := orders(t)
	trace, _ := v.store.trace(traceID(newTraceID(2)))
	got := searchFor(v, `{ .service.name = "inventory" && status = error && duration > 1ms }`, "start", "20", "end", "29")
	sameJSON(t, fmt.Sprintf(`{
		"traces": [{
			"traceID": "00000000000000000000000000000002",
			"rootServiceName": "order",
			"rootTraceName": "POST /orders",
			"startTimeUnixNano": "20000000000",
			"durationMs": 2000,
			"spanSets": [{
				"spans": [{
					"spanID": "0000000000000002",
					"name": "process orders",
					"startTimeUnixNano": "21000000000",
					"durationNanos": "1000000000",
					"attributes": [
						{"key": "service.name", "value": {"stringValue": "inventory"}},
						{"key": "status", "value": {"stringValue": "error"}}
					]
				}],
				"matched": 1
			}]
		}],
		"metrics": {"inspectedTraces": 1, "inspectedBytes": "%d", "inspectedSpans": "2"}
	}`, trace.size), got.Body.String())

	sameJSON(t, `{"traces": [], "metrics": {}}`, searchFor(New(Config{}), "{}").Body.String())
}

func TestSearchShowsThreeSpansATraceUnlessAskedForMore(t *testing.T) {
	v := New(Config{})
	orphan := newSpan(1, 1, 1)
	orphan.ParentSpanId = newSpanID(9)
	spans := []*tracepb.Span{orphan}
	for n := 2; n <= 5; n++ {
		child := newSpan(1, n, 1)
		child.ParentSpanId = newSpanID(1)
		spans = append(spans, child)
	}
	mustAdd(t, v.store, batch("order", spans...))
	for spss, want := range map[string]int{"": 3, "4": 4, "0": 5} {
		var found searchResponse
		if err := json.Unmarshal(searchFor(v, "{}", "spss", spss).Body.Bytes(), &found); err != nil {
			t.Fatal(err)
		}
		trace := found.Traces[0]
		if set := trace.SpanSets[0]; len(set.Spans) != want || set.Matched != 5 {
			t.Errorf("spss=%s: %d spans of %d, want %d of 5", spss, len(set.Spans), set.Matched, want)
		}
		if trace.RootServiceName != rootSpanNotReceived {
			t.Errorf("root service is %q, want %q", trace.RootServiceName, rootSpanNotReceived)
		}
	}
}

func TestSearchNamesATraceAfterItsRoot(t *testing.T) {
	caller := newSpan(1, 1, 5)
	caller.Kind, caller.Name = tracepb.Span_SPAN_KIND_CLIENT, "call"
	answer := newSpan(1, 1, 4) // its clock is behind
	answer.Name = "answer"
	behind := newSpan(1, 2, 1)
	behind.ParentSpanId, behind.Name = newSpanID(1), "child"
	later := newSpan(1, 3, 9)
	later.Name = "another root"
	v := New(Config{})
	mustAdd(t, v.store, batch("order", answer, caller, behind, later))
	found := read[searchResponse](t, v, "/api/search").Traces[0]
	if found.RootTraceName != "call" || found.RootServiceName != "order" {
		t.Errorf("the root is %q of %q, want the call of order", found.RootTraceName, found.RootServiceName)
	}
}

func TestASearchEnds(t *testing.T) {
	v := orders(t)
	left, leave := context.WithCancel(t.Context())
	leave()
	searches := map[string]func(context.Context) error{
		"search":       func(ctx context.Context) error { _, err := v.search(ctx, searchRequest{limit: 1}); return err },
		"TracesOf":     func(ctx context.Context) error { _, err := v.TracesOf(ctx, "order-1", time.Time{}); return err },
		"NewestTraces": func(ctx context.Context) error { _, err := v.NewestTraces(ctx); return err },
	}
	for name, search := range searches {
		if err := search(left); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v after its client left, want it ended", name, err)
		}
	}
	v.searchTimeout = time.Nanosecond
	for name, search := range searches {
		problem, ok := errors.AsType[*httpserver.Problem](search(t.Context()))
		if !ok || problem.Status != http.StatusServiceUnavailable {
			t.Errorf("%s: %v when its time is over, want status 503", name, problem)
		}
	}
	for _, path := range []string{"/api/search", "/api/stories/1/related", "/api/v2/search/tags", "/api/v2/search/tag/name/values"} {
		got := get(v, path)
		if got.Code != http.StatusServiceUnavailable || !strings.Contains(got.Body.String(), "search a shorter time") {
			t.Errorf("%s: %d %s, want 503 and what to do", path, got.Code, got.Body)
		}
	}
}

func TestSearchesWaitForEachOther(t *testing.T) {
	v := orders(t)
	v.searchTimeout = time.Hour
	var group errgroup.Group
	begun, end := make(chan struct{}), make(chan struct{})
	for range maxSearches {
		group.Go(func() error {
			return v.throughAll(t.Context(), func(context.Context) error { begun <- struct{}{}; <-end; return nil })
		})
		<-begun
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	if _, err := v.search(left, searchRequest{limit: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("one more search: %v, want it to wait until its client has left", err)
	}
	if v.searching.TryAcquire(1) {
		t.Error("one more search could begin")
	}
	close(end)
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := v.search(t.Context(), searchRequest{limit: 1}); err != nil {
		t.Errorf("a search after the others: %v", err)
	}
}

func TestSearchRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		query []string
		want  string
	}{
		"other TraceQL":    {[]string{`{ .a = "b" } >> { .c = "d" }`}, supportedQueries},
		"tags":             {[]string{"", "tags", "service.name=order"}, "use q; " + supportedQueries},
		"minDuration":      {[]string{"{}", "minDuration", "5"}, "expected a duration such as"},
		"no duration":      {[]string{"{}", "minDuration", "2s", "maxDuration", "1s"}, "at most as long"},
		"limit 0":          {[]string{"{}", "limit", "0"}, "expected at least 1"},
		"limit as text":    {[]string{"{}", "limit", "many"}, `parameter limit is "many"`},
		"start as a date":  {[]string{"{}", "start", "2026-01-01"}, `parameter start is "2026-01-01"`},
		"start, no end":    {[]string{"{}", "start", "5"}, "start must be before end"},
		"start behind end": {[]string{"{}", "start", "5", "end", "5"}, "start must be before end"},
	} {
		t.Run(name, func(t *testing.T) {
			got := searchFor(orders(t), test.query[0], test.query[1:]...)
			if got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), test.want) {
				t.Errorf("answer %d %q, want 400 with %q", got.Code, got.Body, test.want)
			}
		})
	}
}
