package viewer

import (
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

// encoded is a request as protobuf; a "§" in it stands for one byte that is no UTF-8.
func encoded(t *testing.T, request proto.Message) string {
	t.Helper()
	data, err := proto.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), "§", "\xe9\xe9") // as long as it is in UTF-8
}

// sendingCodec sends a *[]byte as it is.
type sendingCodec struct{ rawCodec }

func (c sendingCodec) Marshal(v any) (mem.BufferSlice, error) {
	if raw, ok := v.(*[]byte); ok {
		return mem.BufferSlice{mem.SliceBuffer(*raw)}, nil
	}
	return c.rawCodec.Marshal(v)
}

// callExport sends bytes over gRPC.
func callExport(t *testing.T, v running, service, request string, response proto.Message) error {
	t.Helper()
	raw := []byte(request)
	codec := sendingCodec{rawCodec{encoding.GetCodecV2(grpcproto.Name)}}
	return dial(t, v).Invoke(t.Context(), "/"+service+"/Export", &raw, response, grpc.ForceCodecV2(codec))
}

const (
	serviceOfTraces = "opentelemetry.proto.collector.trace.v1.TraceService"
	serviceOfLogs   = "opentelemetry.proto.collector.logs.v1.LogsService"
)

func TestWhatIsNoUTF8IsReplaced(t *testing.T) {
	span := newSpan(1, 1, 1)
	span.Name = "caf§"
	span.Attributes = []*commonpb.KeyValue{text("good", "kept"), text("k§y", "thanks §"), {Key: "list", Value: &commonpb.AnyValue{
		Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{stringValue("a§b")}}},
	}}}
	span.Events = []*tracepb.Span_Event{{Name: "§"}}
	traces := encoded(t, &collectorpb.ExportTraceServiceRequest{ResourceSpans: batch("shop §", span, newSpan(1, 2, 1))})
	record := newRecord(1, "body §")
	record.Attributes = []*commonpb.KeyValue{text("k§y", "thanks §")}
	logs := encoded(t, &logspb.ExportLogsServiceRequest{ResourceLogs: logBatch("shop §", record, newRecord(1, "good"))})

	const ids = `"traceId":"00000000000000000000000000000001","spanId":"0000000000000001"`
	tracesJSON := `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop \udead"}}]},
		"scopeSpans":[{"spans":[{` + ids + `,"name":"caf` + "\xe9" + `","events":[{"name":"\ud83d"}],"attributes":[
			{"key":"good","value":{"stringValue":"kept"}},{"key":"k` + "\xe9" + `y","value":{"stringValue":"thanks \ud83d"}},
			{"key":"list","value":{"arrayValue":{"values":[{"stringValue":"a\ud83db"}]}}}]},
			{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002"}]}]}]}`
	logsJSON := `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop \ud83d"}}]},
		"scopeLogs":[{"logRecords":[{` + ids + `,"body":{"stringValue":"body \ud83d"},
			"attributes":[{"key":"k` + "\xe9" + `y","value":{"stringValue":"thanks \ud83d"}}]},
			{` + ids + `,"body":{"stringValue":"good"}}]}]}]}`

	overHTTP := func(path, contentType, body string) func(*testing.T, running) {
		return func(t *testing.T, v running) {
			if got := post(v.Viewer, path, body, "Content-Type", contentType); got.Code != http.StatusOK {
				t.Fatalf("answer %d %s", got.Code, got.Body)
			}
		}
	}
	overGRPC := func(service, body string) func(*testing.T, running) {
		return func(t *testing.T, v running) {
			if err := callExport(t, v, service, body, &collectorpb.ExportTraceServiceResponse{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, send := range map[string]func(*testing.T, running){
		"HTTP, protobuf": overHTTP("/v1/traces", contentProtobuf, traces),
		"HTTP, JSON":     overHTTP("/v1/traces", contentJSON, tracesJSON),
		"gRPC":           overGRPC(serviceOfTraces, traces),
	} {
		t.Run("traces over "+name, func(t *testing.T) {
			v := run(t)
			send(t, v)
			trace, err := v.Trace("1")
			if err != nil || len(trace.Spans) != 2 {
				t.Fatalf("%d spans are kept, %v; want both", len(trace.Spans), err)
			}
			got := trace.Spans[0]
			if got.Name != "caf\uFFFD" || got.Service != "shop \uFFFD" || got.Events[0].Name != "\uFFFD" {
				t.Errorf("name %q, service %q, event %q", got.Name, got.Service, got.Events[0].Name)
			}
			want := map[string]any{"good": "kept", "k\uFFFDy": "thanks \uFFFD", "list": []any{"a\uFFFDb"}}
			if diff := cmp.Diff(want, map[string]any(got.Attributes)); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			for _, path := range []string{"/api/v2/traces/1", "/api/stories/1", "/api/search"} {
				if got := get(v.Viewer, path); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "caf\uFFFD") {
					t.Errorf("%s: %d %s", path, got.Code, got.Body)
				}
			}
		})
	}
	for name, send := range map[string]func(*testing.T, running){
		"HTTP, protobuf": overHTTP("/v1/logs", contentProtobuf, logs),
		"HTTP, JSON":     overHTTP("/v1/logs", contentJSON, logsJSON),
		"gRPC":           overGRPC(serviceOfLogs, logs),
	} {
		t.Run("logs over "+name, func(t *testing.T) {
			v := run(t)
			send(t, v)
			lines := read[struct{ Items []logLine }](t, v.Viewer, "/api/logs?trace_id=1").Items
			if len(lines) != 2 {
				t.Fatalf("%d records are kept, want both", len(lines))
			}
			got := lines[0]
			if got.Body != "body \uFFFD" || got.Service != "shop \uFFFD" || got.Attributes["k\uFFFDy"] != "thanks \uFFFD" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestCleanJSON(t *testing.T) {
	for in, want := range map[string]string{
		`"\ud83d\ude00 \u00e9"`:      `"\ud83d\ude00 \u00e9"`, // a whole pair
		`"\ud83d"`:                   `"\ufffd"`,
		`"\ude00\ud83d"`:             `"\ufffd\ufffd"`,
		`"\ud83d\ud83d\ude00"`:       `"\ufffd\ud83d\ude00"`,
		`"\ud83d\n"`:                 `"\ufffd\n"`,
		`"\\ud83d"`:                  `"\\ud83d"`, // a backslash and text
		`"\\\ud83d"`:                 `"\\\ufffd"`,
		`"\ud8`:                      `"\ud8`,
		`\`:                          `\`,
		"\"caf\xe9\xe9 \xed\xa0\xbd": "\"caf\uFFFD \uFFFD",
	} {
		if got := string(cleanJSON([]byte(in))); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// nested is an attribute with maps or lists within each other.
func nested(depth int, inMaps bool) *commonpb.KeyValue {
	value := stringValue("bottom")
	for range depth {
		if inMaps {
			value = &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{
				Values: []*commonpb.KeyValue{{Key: "k", Value: value}},
			}}}
		} else {
			value = &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{
				Values: []*commonpb.AnyValue{value},
			}}}
		}
	}
	return &commonpb.KeyValue{Key: "deep", Value: value}
}

func nestedJSON(depth int, inMaps bool) string {
	open, end := `{"arrayValue":{"values":[`, `]}}`
	if inMaps {
		open, end = `{"kvlistValue":{"values":[{"key":"k","value":`, `}]}}`
	}
	return strings.Repeat(open, depth) + `{"stringValue":"bottom"}` + strings.Repeat(end, depth)
}

// A record is refused or shown: what is kept is never an error to read.
func TestARecordThatHoldsTooMuchIsRefusedAlone(t *testing.T) {
	with := func(attributes ...*commonpb.KeyValue) *tracepb.Span {
		span := newSpan(1, 1, 1)
		span.Attributes = attributes
		return span
	}
	for name, test := range map[string]struct {
		span *tracepb.Span
		want error // why it is refused
	}{
		"maps, 90 deep":          {with(nested(90, true)), nil},
		"maps, 4 000 deep":       {with(nested(4000, true)), errTooDeep},
		"lists, 90 deep":         {with(nested(90, false)), nil},
		"lists, 4 000 deep":      {with(nested(4000, false)), errTooDeep},
		"many attributes":        {with(make([]*commonpb.KeyValue, maxValues)...), nil},
		"too many attributes":    {with(make([]*commonpb.KeyValue, maxValues+1)...), errTooManyValues},
		"ends before it starts":  {&tracepb.Span{StartTimeUnixNano: 2 * second, EndTimeUnixNano: second}, nil},
		"times without end":      {&tracepb.Span{StartTimeUnixNano: 1, EndTimeUnixNano: 1<<64 - 1}, nil},
		"starts without end":     {&tracepb.Span{StartTimeUnixNano: 1<<64 - 1}, nil},
		"a kind that is unknown": {&tracepb.Span{Kind: -7}, nil},
	} {
		for _, where := range []string{"span", "record"} {
			t.Run(where+", "+name, func(t *testing.T) {
				v := New(Config{})
				test.span.TraceId, test.span.SpanId = newTraceID(1), newSpanID(1)
				path, request := "/v1/traces", proto.Message(&collectorpb.ExportTraceServiceRequest{
					ResourceSpans: batch("order", test.span, newSpan(1, 2, 1)),
				})
				if where == "record" {
					record := newRecord(1, "first")
					record.Attributes, record.TimeUnixNano = test.span.Attributes, test.span.EndTimeUnixNano
					path, request = "/v1/logs", &logspb.ExportLogsServiceRequest{
						ResourceLogs: logBatch("order", record, newRecord(1, "second")),
					}
				}
				got := post(v, path, encoded(t, request), "Content-Type", contentProtobuf)
				if got.Code != http.StatusOK {
					t.Fatalf("answer %d %s", got.Code, got.Body)
				}
				refused := 0
				if test.want != nil {
					refused = 1
					if !strings.Contains(got.Body.String(), test.want.Error()) {
						t.Errorf("answer %q, want %q", got.Body, test.want)
					}
				}
				trace, err := v.Trace("1")
				if all := len(trace.Spans) + v.logs.records.Len(); err != nil || all != 2-refused {
					t.Errorf("%d are kept, %v; want %d", all, err, 2-refused)
				}
				for _, path := range []string{
					"/api/v2/traces/1", "/api/stories/1", "/api/stories/1/related", "/api/search?start=1&end=4000000000", "/api/logs",
				} {
					if got := get(v, path); got.Code != http.StatusOK {
						t.Errorf("%s: %d %.200s", path, got.Code, got.Body)
					}
				}
			})
		}
	}
	for _, inMaps := range []bool{true, false} {
		v := New(Config{})
		deep := strings.Replace(otlpJSON, `{"intValue":"7"}`, nestedJSON(4000, inMaps), 1)
		got := post(v, "/v1/traces", deep, "Content-Type", contentJSON)
		if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), `"rejectedSpans":"1"`) {
			t.Errorf("JSON, 4 000 deep: %d %s", got.Code, got.Body)
		}
	}
}

func TestRecordsOfAResourceThatHoldsTooMuchAreRefused(t *testing.T) {
	v := New(Config{})
	broken := batch("order", newSpan(1, 1, 1), newSpan(1, 2, 1))
	broken[0].Resource.Attributes = append(broken[0].Resource.Attributes, nested(4000, false))
	refused, reason := v.store.add(append(broken, batch("inventory", newSpan(1, 3, 1))...))
	if refused != 2 || !errors.Is(reason, errTooDeep) {
		t.Errorf("refused %d: %v; want 2: %v", refused, reason, errTooDeep)
	}
	if trace, err := v.Trace("1"); err != nil || len(trace.Spans) != 1 {
		t.Errorf("%d spans are kept, %v; want the one of the other resource", len(trace.Spans), err)
	}
}

// A small request that inflates to millions of empty values takes no memory to speak of.
func TestEmptyValuesTakeNoMemory(t *testing.T) {
	ids := encoded(t, &tracepb.Span{TraceId: newTraceID(1), SpanId: newSpanID(1)})
	wrap := func(field protowire.Number, inner string) string {
		return string(appendBytes(nil, field, []byte(inner)))
	}
	request := func(spans string) string { return wrap(fieldResources, wrap(fieldScopes, spans)) }
	const size = maxRequestBytes - 100
	jsonValues := func(value string, size int) string {
		return `{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{}` + strings.Repeat(value, size/len(value)) + `]}]}]}]}`
	}
	const most = 64 << 20 // bytes allocated
	for name, test := range map[string]struct {
		body, contentType string
		code              int
		want              string
	}{
		"attributes": {
			request(wrap(fieldRecords, ids+strings.Repeat("\x4a\x00", size/2))), contentProtobuf,
			http.StatusOK, errTooManyValues.Error(),
		},
		"spans":      {request(strings.Repeat("\x12\x00", size/2)), contentProtobuf, http.StatusBadRequest, errTooManyParts.Error()},
		"scopes":     {wrap(fieldResources, strings.Repeat("\x12\x00", size/2)), contentProtobuf, http.StatusBadRequest, errTooManyParts.Error()},
		"resources":  {strings.Repeat("\x0a\x00", size/2), contentProtobuf, http.StatusBadRequest, errTooManyParts.Error()},
		"some spans": {request(strings.Repeat("\x12\x00", maxParts-2)), contentProtobuf, http.StatusOK, errInvalidID.Error()},
		"objects":    {jsonValues(",{}", size-100), contentJSON, http.StatusRequestEntityTooLarge, "too many objects"},
		"fewer":      {jsonValues(",{}", 300_000), contentJSON, http.StatusOK, errTooManyValues.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			v := New(Config{})
			zipped := zip(test.body)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := post(v, "/v1/traces", zipped, "Content-Type", test.contentType, "Content-Encoding", "gzip")
			runtime.ReadMemStats(&after)
			allocated := after.TotalAlloc - before.TotalAlloc
			t.Logf("%d bytes, %d unzipped: %d bytes allocated", len(zipped), len(test.body), allocated)
			if got.Code != test.code || !strings.Contains(got.Body.String(), test.want) {
				t.Errorf("answer %d %s, want %d: %s", got.Code, got.Body, test.code, test.want)
			}
			if allocated > most {
				t.Errorf("%d bytes allocated, want at most %d", allocated, most)
			}
		})
	}
}

// What is kept can be decoded to be shown, all of it.
func TestKeptValuesAreBounded(t *testing.T) {
	const max = 1 << 20
	empty := func(n int) []*commonpb.KeyValue { return make([]*commonpb.KeyValue, n) }
	s := newStore(max)
	for n := 1; n <= 100; n++ {
		span := newSpan(n, 1, 1)
		span.Attributes = empty(3000)
		span.Events = []*tracepb.Span_Event{{Attributes: empty(1000)}}
		span.Links = []*tracepb.Span_Link{{Attributes: empty(1000)}}
		mustAdd(t, s, batch("order", span))
	}
	if values := 5000 * len(s.traces); values > max/valueBytes || values == 0 {
		t.Errorf("%d values are kept in spans, want at most %d", values, max/valueBytes)
	}
	logs := newLogStore(max)
	for range 100 {
		record := newRecord(1, "")
		record.Attributes = empty(3000)
		record.Body = listValue(make([]*commonpb.AnyValue, 2000)...)
		mustAddLogs(t, logs, logBatch("order", record))
	}
	if values := 5000 * logs.records.Len(); values > max/valueBytes || values == 0 {
		t.Errorf("%d values are kept in records, want at most %d", values, max/valueBytes)
	}
}

func TestRequestsThatFindNoMemoryMayComeAgain(t *testing.T) {
	v := run(t)
	body := encoded(t, &collectorpb.ExportTraceServiceRequest{ResourceSpans: batch("order", newSpan(1, 1, 1))})
	others := claim{from: v.receiving}
	if err := others.take(maxReceivingBytes - len(body)/2); err != nil {
		t.Fatal(err)
	}
	for contentType, body := range map[string]string{contentProtobuf: body, contentJSON: otlpJSON} {
		got := post(v.Viewer, "/v1/traces", body, "Content-Type", contentType)
		if got.Code != http.StatusTooManyRequests || got.Header().Get("Retry-After") != "1" {
			t.Errorf("answer %d, %v; want 429 and when to try again", got.Code, got.Header())
		}
		if message := statusMessage(t, contentType, got); message != errBusy.Error() {
			t.Errorf("message %q, want %q", message, errBusy)
		}
	}
	err := callExport(t, v, serviceOfTraces, body, &collectorpb.ExportTraceServiceResponse{})
	answer := status.Convert(err)
	details := answer.Details()
	if answer.Code() != codes.ResourceExhausted || len(details) != 1 ||
		details[0].(*errdetails.RetryInfo).GetRetryDelay().AsDuration() != retryAfter {
		t.Errorf("answer %v with %v, want RESOURCE_EXHAUSTED and when to try again", err, details)
	}
	others.release()
	if got := post(v.Viewer, "/v1/traces", otlpJSON, "Content-Type", contentJSON); got.Code != http.StatusOK {
		t.Errorf("afterwards: %d %s", got.Code, got.Body)
	}
	if !v.receiving.TryAcquire(maxReceivingBytes) {
		t.Error("requests that ended still have memory")
	}
}

func TestIDsOfParentsAndLinks(t *testing.T) {
	with := func(parent, trace, span []byte) *tracepb.Span {
		s := newSpan(1, 1, 1)
		s.ParentSpanId, s.Links = parent, []*tracepb.Span_Link{{TraceId: trace, SpanId: span}}
		return s
	}
	for name, test := range map[string]struct {
		span *tracepb.Span
		want *tracepb.Span // nil if it is refused
	}{
		"all there":       {with(newSpanID(2), newTraceID(3), newSpanID(4)), with(newSpanID(2), newTraceID(3), newSpanID(4))},
		"none":            {with(nil, nil, nil), with(nil, nil, nil)},
		"all zero":        {with(newSpanID(0), newTraceID(0), newSpanID(0)), with(nil, nil, nil)},
		"long parent":     {with(newTraceID(2), newTraceID(3), newSpanID(4)), nil},
		"short parent":    {with([]byte{1}, newTraceID(3), newSpanID(4)), nil},
		"short trace":     {with(nil, newSpanID(3), newSpanID(4)), nil},
		"long linked one": {with(nil, newTraceID(3), newTraceID(4)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(DefaultMaxBytes)
			other := newSpan(1, 9, 1)
			refused, reason := s.add(batch("order", test.span, other))
			want := batch("order", other)
			if test.want != nil {
				want = batch("order", test.want, other)
			} else if refused != 1 || !errors.Is(reason, errInvalidReference) {
				t.Errorf("refused %d: %v; want 1: %v", refused, reason, errInvalidReference)
			}
			if diff := cmp.Diff(want, kept(t, s, 1), protocmp.Transform()); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
		})
	}
	for _, digits := range []string{"abcdef", "ab", "abcdefabcdefabcdef", "abcdefabcdef"} {
		v := New(Config{})
		body := strings.Replace(otlpJSON, "eee19b7ec3c1b173", digits, 1)
		got := post(v, "/v1/traces", body, "Content-Type", contentJSON)
		if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "wrong length") {
			t.Errorf("JSON, parent %s: %d %s", digits, got.Code, got.Body)
		}
	}
}

// A resource is looked up once for all spans of a batch, so that a large one is not hashed thousands of times.
func TestAResourceIsHeldOnlyForItsBatch(t *testing.T) {
	s := newStore(64 << 10)
	var spans []*tracepb.Span
	for n := 1; n <= 500; n++ {
		spans = append(spans, newSpan(n, 1, 1))
	}
	large := batch("order", spans...)
	large[0].Resource.Attributes = append(large[0].Resource.Attributes, text("large", strings.Repeat("x", 32<<10)))
	mustAdd(t, s, large)
	if len(s.shared) != 2 || s.size > s.max || len(s.traces) == 0 {
		t.Errorf("%d resources and scopes, %d bytes, %d traces", len(s.shared), s.size, len(s.traces))
	}
	for _, sh := range s.shared {
		if sh.refs != len(s.traces) {
			t.Errorf("%d uses are counted, want the %d spans", sh.refs, len(s.traces))
		}
	}
	size := s.size
	refused, _ := s.add(batch("unknown", &tracepb.Span{}))
	if refused != 1 || s.size != size || len(s.shared) != 2 {
		t.Errorf("after a batch without a valid span: %d bytes more, %d resources and scopes", s.size-size, len(s.shared))
	}
	// One that is larger than the store evicts everything, and goes with its batch.
	larger := batch("order", newSpan(1, 1, 1))
	larger[0].Resource.Attributes = []*commonpb.KeyValue{text("large", strings.Repeat("x", 128<<10))}
	mustAdd(t, s, larger)
	if s.size != 0 || len(s.shared) != 0 || len(s.traces) != 0 {
		t.Errorf("%d bytes, %d resources and scopes, %d traces; want none", s.size, len(s.shared), len(s.traces))
	}
}

func BenchmarkReceiveLargeResource(b *testing.B) {
	var spans []*tracepb.Span
	for n := 1; n <= 8000; n++ {
		spans = append(spans, newSpan(n, 1, 1))
	}
	large := batch("order", spans...)
	large[0].Resource.Attributes = append(large[0].Resource.Attributes, text("large", strings.Repeat("x", 7<<20)))
	for b.Loop() {
		if refused, reason := newStore(DefaultMaxBytes).add(large); refused > 0 {
			b.Fatal(reason)
		}
	}
}

func TestGRPCRefusesWhatItCannotDecode(t *testing.T) {
	v := run(t)
	for _, service := range []string{serviceOfTraces, serviceOfLogs} {
		// The first resource is whole, the second is cut.
		request := string(appendBytes(nil, fieldResources, nil)) + "\x0a\xff"
		err := callExport(t, v, service, request, &collectorpb.ExportTraceServiceResponse{})
		if got := status.Convert(err); got.Code() != codes.InvalidArgument || !strings.Contains(got.Message(), "decode request") {
			t.Errorf("%s: %v, want it to be refused as INVALID_ARGUMENT", service, err)
		}
	}
}
