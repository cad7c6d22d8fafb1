package viewer

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	recordpb "go.opentelemetry.io/proto/otlp/logs/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

const refusedByCollector = "the whole request"

// spansAsRead describes the spans that the Collector's decoder finds in a request, or says that it refuses the request.
func spansAsRead(body, contentType string) (lines []string) {
	request := ptraceotlp.NewExportRequest()
	unmarshal := request.UnmarshalProto
	if contentType == contentJSON {
		unmarshal = request.UnmarshalJSON
	}
	if unmarshal([]byte(body)) != nil {
		return []string{refusedByCollector}
	}
	for _, resource := range request.Traces().ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				line := fmt.Sprintf("%q %s under %q, %s from %d to %d: %v", span.Name(), span.SpanID(), span.ParentSpanID(), span.Kind(),
					span.StartTimestamp(), span.EndTimestamp(), span.Attributes().AsRaw())
				for _, link := range span.Links().All() {
					line += fmt.Sprintf(", links to %q %q", link.TraceID(), link.SpanID())
				}
				lines = append(lines, line)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// recordsAsRead does the same for log records.
func recordsAsRead(body, contentType string) (lines []string) {
	request := plogotlp.NewExportRequest()
	unmarshal := request.UnmarshalProto
	if contentType == contentJSON {
		unmarshal = request.UnmarshalJSON
	}
	if unmarshal([]byte(body)) != nil {
		return []string{refusedByCollector}
	}
	for _, resource := range request.Logs().ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				lines = append(lines, fmt.Sprintf("%v at %d, %d %q, event %q, of %q %q: %v", record.Body().AsRaw(), record.Timestamp(),
					record.SeverityNumber(), record.SeverityText(), record.EventName(), record.TraceID(), record.SpanID(),
					record.Attributes().AsRaw()))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// The same bytes go through the OpenTelemetry Collector's decoder and through the viewer's, and what the viewer kept is read
// with the Collector's, too. The table says where the two differ.
func TestTheViewerReadsWhatTheCollectorReads(t *testing.T) {
	span := func(edit func(*tracepb.Span)) string {
		s := newSpan(1, 1, 1)
		edit(s)
		return encoded(t, &collectorpb.ExportTraceServiceRequest{ResourceSpans: batch("order", s, newSpan(1, 2, 1))})
	}
	record := func(edit func(*recordpb.LogRecord)) string {
		r := newRecord(1, "body")
		edit(r)
		return encoded(t, &logspb.ExportLogsServiceRequest{ResourceLogs: logBatch("order", r, newRecord(1, "other"))})
	}
	inJSON := func(from, to string) string {
		body := strings.Replace(otlpJSON, "5B8EFFF798038103D269B633813FC60C", "00000000000000000000000000000001", 1)
		if !strings.Contains(body, from) {
			t.Fatalf("%s is not in the JSON", from)
		}
		return strings.Replace(body, from, to, 1)
	}
	inLogsJSON := func(from, to string) string { return strings.Replace(otlpLogsJSON, from, to, 1) }
	attribute := func(a *commonpb.KeyValue) func(*tracepb.Span) {
		return func(s *tracepb.Span) { s.Attributes = []*commonpb.KeyValue{a} }
	}
	for name, test := range map[string]struct {
		path, contentType, body string
		collector, viewer       string // what each does, where they differ
	}{
		"plain span": {"/v1/traces", contentProtobuf, span(func(*tracepb.Span) {}), "", ""},
		"plain JSON": {"/v1/traces", contentJSON, inJSON(`"a span"`, `"a span"`), "", ""},
		"a name that is no UTF-8": {
			"/v1/traces", contentProtobuf, span(func(s *tracepb.Span) { s.Name = "caf§" }),
			"keeps the bytes", "replaces them",
		},
		"an attribute that is no UTF-8": {
			"/v1/traces", contentProtobuf, span(attribute(text("k§", "thanks §"))),
			"keeps the bytes", "replaces them",
		},
		"half a surrogate pair in JSON": {
			"/v1/traces", contentJSON, inJSON(`{"intValue":"7"}`, `{"stringValue":"thanks \ud83d"}`),
			"", "",
		},
		"no UTF-8 in JSON": {
			"/v1/traces", contentJSON, inJSON("a span", "caf\xe9"),
			"keeps the bytes", "replaces them",
		},
		"a client and a server of one id": {
			"/v1/traces", contentProtobuf, span(func(s *tracepb.Span) { s.SpanId, s.Kind = newSpanID(2), tracepb.Span_SPAN_KIND_CLIENT }), "", "",
		},
		"a span sent twice": {
			"/v1/traces", contentProtobuf, span(func(s *tracepb.Span) { s.SpanId, s.Name = newSpanID(2), "first" }),
			"passes both on", "keeps the first",
		},
		"ids of parent and link that are all zero": {
			"/v1/traces", contentProtobuf, span(func(s *tracepb.Span) {
				s.ParentSpanId, s.Links = newSpanID(0), []*tracepb.Span_Link{{TraceId: newTraceID(0), SpanId: newSpanID(0)}}
			}), "", "",
		},
		"a parent's id of a wrong length": {
			"/v1/traces", contentProtobuf, span(func(s *tracepb.Span) { s.ParentSpanId = []byte("short") }),
			"refuses the request", "refuses the span",
		},
		"a parent's id of a wrong length in JSON": {
			"/v1/traces", contentJSON, inJSON("eee19b7ec3c1b173", "eee19b7ec3c1"),
			"refuses the request", "refuses the span",
		},
		"a span without ids": {
			"/v1/traces", contentProtobuf, span(func(s *tracepb.Span) { s.TraceId, s.SpanId = nil, nil }),
			"passes it on", "refuses the span",
		},
		"an end before the start": {
			"/v1/traces", contentProtobuf, span(func(s *tracepb.Span) { s.EndTimeUnixNano = 1 }), "", "",
		},
		"the latest time": {
			"/v1/traces", contentProtobuf, span(func(s *tracepb.Span) { s.EndTimeUnixNano = 1<<64 - 1 }), "", "",
		},
		"NaN": {"/v1/traces", contentProtobuf, span(attribute(&commonpb.KeyValue{Key: "n", Value: doubleValue(math.NaN())})), "", ""},
		"a list": {
			"/v1/traces", contentProtobuf, span(attribute(&commonpb.KeyValue{Key: "tags", Value: listValue(stringValue("a"))})), "", "",
		},
		"a list 4 000 deep": {
			"/v1/traces", contentProtobuf, span(attribute(nested(4000, false))),
			"passes it on", "refuses the span",
		},

		"plain record":      {"/v1/logs", contentProtobuf, record(func(*recordpb.LogRecord) {}), "", ""},
		"plain records":     {"/v1/logs", contentJSON, otlpLogsJSON, "", ""},
		"an event":          {"/v1/logs", contentProtobuf, record(func(r *recordpb.LogRecord) { r.EventName = "placed" }), "", ""},
		"an odd severity":   {"/v1/logs", contentProtobuf, record(func(r *recordpb.LogRecord) { r.SeverityText = "Warning" }), "", ""},
		"an unknown number": {"/v1/logs", contentProtobuf, record(func(r *recordpb.LogRecord) { r.SeverityNumber = 99 }), "", ""},
		"a body that is no UTF-8": {
			"/v1/logs", contentProtobuf, record(func(r *recordpb.LogRecord) { r.Body = stringValue("caf§") }),
			"keeps the bytes", "replaces them",
		},
		"half a surrogate pair in a body": {"/v1/logs", contentJSON, inLogsJSON("<b>later</b>", `thanks \ud83d`), "", ""},
		"a record's trace id of a wrong length": {
			"/v1/logs", contentProtobuf, record(func(r *recordpb.LogRecord) { r.TraceId = []byte("short") }),
			"refuses the request", "keeps the record, of no trace",
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := New(Config{})
			answer := post(v, test.path, test.body, "Content-Type", test.contentType)
			if answer.Code != http.StatusOK {
				t.Fatalf("answer %d %s", answer.Code, answer.Body)
			}
			var theirs, ours []string
			if test.path == "/v1/traces" {
				theirs = spansAsRead(test.body, test.contentType)
				trace, _ := v.store.trace(traceID(newTraceID(1)))
				ours = spansAsRead(string(trace.encode()), contentProtobuf)
			} else {
				theirs = recordsAsRead(test.body, test.contentType)
				var request []byte
				for stored := range v.logs.all {
					scope := appendBytes(nil, fieldRecords, stored.data)
					request = appendBytes(request, fieldResources, appendBytes([]byte(stored.resource.data), fieldScopes, scope))
				}
				ours = recordsAsRead(string(request), contentProtobuf)
			}
			diff := cmp.Diff(theirs, ours)
			if differ := test.collector != ""; differ != (diff != "") {
				t.Errorf("the table says that the Collector %q and the viewer %q (-Collector +viewer):\n%s", test.collector, test.viewer, diff)
			}
			if refuses := test.collector == "refuses the request"; refuses != slices.Contains(theirs, refusedByCollector) {
				t.Errorf("the Collector reads %q", theirs)
			}
		})
	}
}
