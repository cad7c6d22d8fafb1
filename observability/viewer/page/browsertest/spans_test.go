package browsertest

import (
	"encoding/binary"
	"fmt"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

var epoch = time.Date(2026, 2, 3, 10, 15, 30, 123456789, time.UTC)

const thisTrace = "00000000000000000000000000000001"

// span is number id of trace 1, beneath number parent (0: none), from and to in microseconds since epoch.
func span(id, parent uint64, name string, from, to int, edits ...func(*tracepb.Span)) *tracepb.Span {
	s := &tracepb.Span{
		TraceId: traceID(1), SpanId: spanID(id), Name: name, Kind: tracepb.Span_SPAN_KIND_INTERNAL,
		StartTimeUnixNano: nano(from), EndTimeUnixNano: nano(to),
	}
	if parent != 0 {
		s.ParentSpanId = spanID(parent)
	}
	for _, edit := range edits {
		edit(s)
	}
	return s
}

func traceID(n uint64) []byte { return append(make([]byte, 8), spanID(n)...) }
func spanID(n uint64) []byte  { return binary.BigEndian.AppendUint64(nil, n) }
func nano(us int) uint64      { return uint64(epoch.UnixNano()) + uint64(us)*1000 }

func inTrace(n uint64) func(*tracepb.Span) { return func(s *tracepb.Span) { s.TraceId = traceID(n) } }

func kind(k tracepb.Span_SpanKind) func(*tracepb.Span) { return func(s *tracepb.Span) { s.Kind = k } }

func with(key string, value any) func(*tracepb.Span) {
	return func(s *tracepb.Span) { s.Attributes = append(s.Attributes, attribute(key, value)) }
}

func linkTo(trace, span uint64) func(*tracepb.Span) {
	return func(s *tracepb.Span) {
		s.Links = append(s.Links, &tracepb.Span_Link{TraceId: traceID(trace), SpanId: spanID(span)})
	}
}

func failed(message string) func(*tracepb.Span) {
	return func(s *tracepb.Span) {
		s.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: message}
	}
}

func event(name string, attributes ...*commonpb.KeyValue) func(*tracepb.Span) {
	return func(s *tracepb.Span) {
		s.Events = append(s.Events, &tracepb.Span_Event{Name: name, TimeUnixNano: s.GetStartTimeUnixNano(), Attributes: attributes})
	}
}

// attempted is what messaging says of one attempt at the message "m".
func attempted(delivery int, consumer string, waited float64) func(*tracepb.Span) {
	return func(s *tracepb.Span) {
		s.Attributes = append(s.Attributes, attribute("messaging.message.id", "m"),
			attribute("messaging.consumer.group.name", "inventory"), attribute("messaging.client.id", consumer),
			attribute("messaging.redis_streams.delivery_count", delivery), attribute("messaging.redis_streams.stream_wait_ms", waited))
	}
}

func attribute(key string, value any) *commonpb.KeyValue {
	v := &commonpb.AnyValue{}
	switch value := value.(type) {
	case string:
		v.Value = &commonpb.AnyValue_StringValue{StringValue: value}
	case int:
		v.Value = &commonpb.AnyValue_IntValue{IntValue: int64(value)}
	case float64:
		v.Value = &commonpb.AnyValue_DoubleValue{DoubleValue: value}
	default:
		panic(fmt.Sprintf("an attribute of %T", value))
	}
	return &commonpb.KeyValue{Key: key, Value: v}
}

func resourceSpans(service string, spans ...*tracepb.Span) []*tracepb.ResourceSpans {
	return []*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{attribute("service.name", service)}},
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: "lib"}, Spans: spans}},
	}}
}
