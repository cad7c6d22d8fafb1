package viewer

import (
	"encoding/binary"
	"fmt"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const second = 1_000_000_000

// newTraceID and newSpanID give ids that are easy to tell apart: n in the last bytes.
func newTraceID(n int) []byte {
	id := make([]byte, 16)
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

func newSpanID(n int) []byte { return newTraceID(n)[8:] }

// newSpan is a root span that starts at second start and takes one second.
func newSpan(trace, span int, start uint64) *tracepb.Span {
	return &tracepb.Span{
		TraceId:           newTraceID(trace),
		SpanId:            newSpanID(span),
		Name:              fmt.Sprintf("span %d", span),
		Kind:              tracepb.Span_SPAN_KIND_SERVER,
		StartTimeUnixNano: start * second,
		EndTimeUnixNano:   (start + 1) * second,
	}
}

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: stringValue(value)}
}

// batch is what one exporter of service sends at once.
func batch(service string, spans ...*tracepb.Span) []*tracepb.ResourceSpans {
	return []*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", service)}},
		SchemaUrl:  "https://opentelemetry.io/schemas/1.43.0",
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: "lib"}, Spans: spans}},
	}}
}
