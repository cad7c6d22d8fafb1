package viewer

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"strings"
	"testing"

	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	recordpb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"
)

// newRecord is a record of a trace, or of none if that is 0.
func newRecord(trace int, body string) *recordpb.LogRecord {
	record := &recordpb.LogRecord{
		TimeUnixNano: 5 * second, SeverityNumber: recordpb.SeverityNumber_SEVERITY_NUMBER_WARN, Body: stringValue(body),
	}
	if trace != 0 {
		record.TraceId, record.SpanId = newTraceID(trace), newSpanID(1)
	}
	return record
}

func logBatch(service string, records ...*recordpb.LogRecord) []*recordpb.ResourceLogs {
	return []*recordpb.ResourceLogs{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{
			text("service.name", service), text("service.instance.id", service+"-1"),
		}},
		ScopeLogs: []*recordpb.ScopeLogs{{Scope: &commonpb.InstrumentationScope{Name: "lib"}, LogRecords: records}},
	}}
}

func mustAddLogs(t testing.TB, s *logStore, batches []*recordpb.ResourceLogs) {
	t.Helper()
	if refused := addLogs(t, s, batches); refused.records > 0 {
		t.Fatalf("%d records refused: %v", refused.records, refused.reason)
	}
}

func addLogs(t testing.TB, s *logStore, batches []*recordpb.ResourceLogs) refusals {
	t.Helper()
	data, err := proto.Marshal(&logspb.ExportLogsServiceRequest{ResourceLogs: batches})
	if err != nil {
		t.Fatal(err)
	}
	refused, err := receive(data, s)
	if err != nil {
		t.Fatal(err)
	}
	return refused
}

const otlpLogsJSON = `{"resourceLogs":[{"resource":{"attributes":[
		{"key":"service.name","value":{"stringValue":"inventory"}},{"key":"service.instance.id","value":{"stringValue":"inventory-1"}}]},
	"scopeLogs":[{"scope":{"name":"lib"},"logRecords":[
		{"timeUnixNano":"1544712661000000000","severityNumber":17,"severityText":"ERROR","body":{"stringValue":"<b>later</b>"},
			"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","attributes":[
			{"key":"text","value":{"stringValue":"\u202eevil"}},{"key":"n","value":{"intValue":"7"}},{"key":"f","value":{"doubleValue":0.5}},
			{"key":"b","value":{"boolValue":true}},{"key":"raw","value":{"bytesValue":"AQI="}},{"key":"none","value":{}},
			{"key":"list","value":{"arrayValue":{"values":[{"stringValue":"x"}]}}}]},
		{"observedTimeUnixNano":"1544712660000000000","severityNumber":9,"body":{"intValue":"1"},
			"traceId":"5b8efff798038103d269b633813fc60c"},
		{"timeUnixNano":"1544712662000000000","body":{"stringValue":"of no trace"}}]}]}]}`

func TestLogsOfATrace(t *testing.T) {
	v := New(Config{})
	if got := post(v, "/v1/logs", otlpLogsJSON, "Content-Type", contentJSON); got.Code != http.StatusOK || got.Body.String() != "{}" {
		t.Fatalf("answer %d: %s", got.Code, got.Body)
	}
	const (
		earlier = `{"time":"2018-12-13T14:51:00Z","severity":"INFO","service":"inventory","instance":"inventory-1","body":"1",
			"trace_id":"5b8efff798038103d269b633813fc60c","span_id":"","attributes":{}}`
		later = `{"time":"2018-12-13T14:51:01Z","severity":"ERROR","service":"inventory","instance":"inventory-1","body":"<b>later</b>",
			"trace_id":"5b8efff798038103d269b633813fc60c","span_id":"eee19b7ec3c1b174","attributes":{
			"text":"\u202eevil","n":"7","f":"0.5","b":"true","raw":"AQI=","none":"","list":"{\"arrayValue\":{\"values\":[{\"stringValue\":\"x\"}]}}"}}`
		ofNone = `{"time":"2018-12-13T14:51:02Z","severity":"UNSPECIFIED","service":"inventory","instance":"inventory-1",
			"body":"of no trace","span_id":"","attributes":{}}`
	)
	for question, want := range map[string]string{
		"?trace_id=5b8efff798038103d269b633813fc60c":         earlier + "," + later,
		"?trace_id=5b8efff798038103d269b633813fc60c&limit=1": earlier, // the one that arrived last
		"?trace_id=5b8efff798038103d269b633813fc60d":         "",
		"":         earlier + "," + later + "," + ofNone,
		"?limit=1": ofNone,
	} {
		t.Run(question, func(t *testing.T) {
			got := get(v, "/api/logs"+question)
			if got.Code != http.StatusOK {
				t.Fatalf("answer %d: %s", got.Code, got.Body)
			}
			sameJSON(t, `{"items":[`+want+`]}`, got.Body.String())
		})
	}
	for _, question := range []string{"?trace_id=x", "?limit=0", "?limit=1001", "?limit=many"} {
		if got := get(v, "/api/logs"+question); got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), "expected") {
			t.Errorf("%s: %d %s, want 400 and what was expected", question, got.Code, got.Body)
		}
	}
}

func TestALogLineSaysWhatTheRecordMeans(t *testing.T) {
	with := func(number recordpb.SeverityNumber, text string) *recordpb.LogRecord {
		return &recordpb.LogRecord{SeverityNumber: number, SeverityText: text}
	}
	for _, test := range []struct {
		record *recordpb.LogRecord
		want   string
	}{
		{with(17, ""), "ERROR"},
		{with(18, ""), "ERROR2"},
		{with(9, "Information"), "INFO"},
		{with(17, "E"), "ERROR"},
		{with(17, "error"), "ERROR"},
		{with(13, "WARN2"), "WARN2"},
		{with(0, "notice"), "notice"},
		{with(99, "notice"), "notice"},
		{with(99, ""), "UNSPECIFIED"},
		{with(0, ""), "UNSPECIFIED"},
	} {
		if got := newLogLine(nil, test.record).Severity; got != test.want {
			t.Errorf("%d %q is %q, want %q", test.record.GetSeverityNumber(), test.record.GetSeverityText(), got, test.want)
		}
	}

	v := New(Config{})
	event := newRecord(1, "")
	event.EventName, event.SpanId = "order.placed", make([]byte, 8)
	late := &recordpb.LogRecord{TimeUnixNano: math.MaxUint64, TraceId: make([]byte, 16), SpanId: []byte("long span id")}
	mustAddLogs(t, v.logs, logBatch("order", event, late))
	lines := read[struct{ Items []logLine }](t, v, "/api/logs").Items
	if lines[0].Event != "order.placed" || lines[0].SpanID != "" {
		t.Errorf("the event is %+v", lines[0])
	}
	if got := lines[1]; got.Time.Year() != 2554 || got.TraceID != "" || got.SpanID != "" {
		t.Errorf("a record of a far time and no valid ids is %+v", got)
	}
}

func TestLogsOverGRPC(t *testing.T) {
	v := run(t)
	tooLong := newRecord(1, strings.Repeat("x", maxRecordBytes))
	request := &logspb.ExportLogsServiceRequest{ResourceLogs: logBatch("order", newRecord(1, "kept"), tooLong)}
	got, err := logspb.NewLogsServiceClient(dial(t, v)).Export(t.Context(), request)
	if err != nil || got.GetPartialSuccess().GetRejectedLogRecords() != 1 ||
		got.GetPartialSuccess().GetErrorMessage() != errRecordTooLong.Error() {
		t.Errorf("answer %v, %v; want one record refused", got, err)
	}
	if found := v.logs.of(traceID(newTraceID(1))); len(found) != 1 {
		t.Errorf("%d records are kept, want one", len(found))
	}
}

func TestTheOldestRecordGoesFirst(t *testing.T) {
	s := newLogStore(maxLogBytes)
	for n := 1; n <= 5; n++ {
		mustAddLogs(t, s, logBatch("order", newRecord(n%2, fmt.Sprint(n)))) // 2 and 4 are of no trace
	}
	s.max = s.size
	mustAddLogs(t, s, logBatch("order", newRecord(1, "6")))
	bodies := func(id traceID) (all string) {
		var traces []traceID
		if id != (traceID{}) {
			traces = []traceID{id}
		}
		for stored := range s.newest(traces)[0] {
			record := &recordpb.LogRecord{}
			if err := proto.Unmarshal(stored.data, record); err != nil {
				t.Fatal(err)
			}
			all = record.GetBody().GetStringValue() + all
		}
		return all
	}
	if all, ofTrace := bodies(traceID{}), bodies(traceID(newTraceID(1))); all != "23456" || ofTrace != "356" || s.evicted != 1 {
		t.Errorf("%s are kept, %s of the trace, %d gone; want all but the first", all, ofTrace, s.evicted)
	}
	s.max = 0
	for s.records.Len() > 0 {
		s.evict()
	}
	if s.size != 0 || len(s.traces) != 0 || len(s.resources) != 0 {
		t.Errorf("without records, %d bytes, %d traces and %d resources are kept", s.size, len(s.traces), len(s.resources))
	}
}

// As for traces: what the store counts stays under its bound, and is what the process really uses.
func TestLogsStayBoundedWhenFlooded(t *testing.T) {
	const max = 4 << 20
	for name, flood := range map[string]struct{ perTrace, bytes, services int }{
		"a record a trace":    {1, 10, 1},
		"orders":              {5, 300, 2},
		"one trace":           {1 << 30, 100, 2},
		"large records":       {2, 100_000, 2},
		"a resource a record": {2, 10, 1 << 30},
	} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			s := newLogStore(max)
			sent := int64(0)
			for n := 0; sent < 2*max; n++ {
				record := newRecord(1+n/flood.perTrace, strings.Repeat("x", flood.bytes))
				mustAddLogs(t, s, logBatch(fmt.Sprint("service ", n%flood.services), record))
				sent += int64(proto.Size(record)) + recordOverhead
				if s.size > max {
					t.Fatalf("%d bytes after %d records, want at most %d", s.size, n, max)
				}
			}
			used := heap() - before
			t.Logf("counted %d bytes in %d records, used %d", s.size, s.records.Len(), used)
			if s.size < max/2 || s.evicted == 0 {
				t.Errorf("counted %d bytes, %d records went: the flood did not fill the store", s.size, s.evicted)
			}
			if used > s.size+s.size/20 {
				t.Errorf("counted %d bytes, but %d are used", s.size, used)
			}
			runtime.KeepAlive(s)
		})
	}
}

func TestARecordThatIsTooLongPushesNothingOut(t *testing.T) {
	s := newLogStore(maxLogBytes)
	mustAddLogs(t, s, logBatch("order", newRecord(1, "short")))
	refused := addLogs(t, s, logBatch("order", newRecord(1, strings.Repeat("x", maxRecordBytes)), newRecord(1, "short")))
	if refused.records != 1 || !errors.Is(refused.reason, errRecordTooLong) || s.records.Len() != 2 {
		t.Errorf("refused %d: %v; %d records kept, want the two short ones", refused.records, refused.reason, s.records.Len())
	}
}
