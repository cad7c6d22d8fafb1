package story

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// FromOTLP returns the spans of OTLP's messages.
func FromOTLP(traces *tracepb.TracesData) []Span {
	var spans []Span
	for _, of := range traces.GetResourceSpans() {
		resource := attributes(of.GetResource().GetAttributes())
		for _, by := range of.GetScopeSpans() {
			for _, span := range by.GetSpans() {
				s := fromOTLP(span)
				s.Resource, s.Service, s.Scope = resource, resource.String("service.name"), by.GetScope().GetName()
				spans = append(spans, s)
			}
		}
	}
	return spans
}

func fromOTLP(span *tracepb.Span) Span {
	s := Span{
		TraceID: hex.EncodeToString(span.GetTraceId()),
		ID:      hex.EncodeToString(span.GetSpanId()),
		Parent:  hex.EncodeToString(span.GetParentSpanId()),
		Name:    span.GetName(), Kind: Kind(span.GetKind()),
		Start: nanoseconds(span.GetStartTimeUnixNano()), End: nanoseconds(span.GetEndTimeUnixNano()),
		Attributes:    attributes(span.GetAttributes()),
		Error:         span.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR,
		StatusMessage: span.GetStatus().GetMessage(),
	}
	for _, e := range span.GetEvents() {
		s.Events = append(s.Events, Event{e.GetName(), nanoseconds(e.GetTimeUnixNano()), attributes(e.GetAttributes())})
	}
	for _, l := range span.GetLinks() {
		s.Links = append(s.Links, Link{
			TraceID: hex.EncodeToString(l.GetTraceId()), SpanID: hex.EncodeToString(l.GetSpanId()), Attributes: attributes(l.GetAttributes()),
		})
	}
	return s
}

func nanoseconds(n uint64) time.Time {
	const second = uint64(time.Second)
	return time.Unix(int64(n/second), int64(n%second)).UTC()
}

func attributes(list []*commonpb.KeyValue) Attributes {
	all := make(Attributes, len(list))
	for _, kv := range list {
		all[kv.GetKey()] = value(kv.GetValue())
	}
	return all
}

func value(v *commonpb.AnyValue) any {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_BoolValue:
		return v.BoolValue
	case *commonpb.AnyValue_IntValue:
		return v.IntValue
	case *commonpb.AnyValue_DoubleValue:
		return v.DoubleValue
	case *commonpb.AnyValue_BytesValue:
		return base64.StdEncoding.EncodeToString(v.BytesValue)
	case *commonpb.AnyValue_ArrayValue:
		values := make([]any, 0, len(v.ArrayValue.GetValues()))
		for _, item := range v.ArrayValue.GetValues() {
			values = append(values, value(item))
		}
		return values
	case *commonpb.AnyValue_KvlistValue:
		return map[string]any(attributes(v.KvlistValue.GetValues()))
	}
	return nil
}

// RepairIDs mends the ids of spans that were read with protobuf's JSON mapping, which takes them for base64, where the text
// was OTLP's own JSON, in which ids are hexadecimal digits. Their lengths tell the two apart. An id of another length is an
// error.
func RepairIDs(traces *tracepb.TracesData) error {
	for _, of := range traces.GetResourceSpans() {
		for _, by := range of.GetScopeSpans() {
			for _, span := range by.GetSpans() {
				ids := []*[]byte{&span.TraceId, &span.SpanId, &span.ParentSpanId}
				for _, link := range span.GetLinks() {
					ids = append(ids, &link.TraceId, &link.SpanId)
				}
				for _, id := range ids {
					if err := repairID(id); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

func repairID(id *[]byte) (err error) {
	switch len(*id) {
	case 0, 8, 16:
	case 12, 24: // of 16 or 32 digits
		digits := base64.StdEncoding.EncodeToString(*id)
		if *id, err = hex.DecodeString(digits); err != nil {
			err = fmt.Errorf("id %.40q: %w", digits, err)
		}
	default:
		err = fmt.Errorf("id %.40q has %d bytes, expected 8 or 16", base64.StdEncoding.EncodeToString(*id), len(*id))
	}
	return err
}
