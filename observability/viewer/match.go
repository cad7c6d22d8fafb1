package viewer

import (
	"cmp"
	"strings"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// holds reports whether all conditions are true, and returns the attributes that they name; status and kind count as such.
func (q query) holds(span *tracepb.Span, resource *resourcepb.Resource) ([]*commonpb.KeyValue, bool) {
	var attributes []*commonpb.KeyValue
	for _, c := range q {
		value, ok := c.holds(span, resource)
		if !ok {
			return nil, false
		}
		if c.field.scope != "name" && c.field.scope != "duration" {
			attributes = append(attributes, &commonpb.KeyValue{Key: cmp.Or(c.field.key, c.field.scope), Value: value})
		}
	}
	return attributes, true
}

// holds reports whether the condition is true, and returns the value that it compared.
func (c condition) holds(span *tracepb.Span, resource *resourcepb.Resource) (*commonpb.AnyValue, bool) {
	got := c.field.of(span, resource)
	switch want := c.want.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		text, ok := got.GetValue().(*commonpb.AnyValue_StringValue)
		return got, ok && text.StringValue == want.StringValue
	case *commonpb.AnyValue_BoolValue:
		b, ok := got.GetValue().(*commonpb.AnyValue_BoolValue)
		return got, ok && b.BoolValue == want.BoolValue
	default:
		order, ok := compareNumbers(got, c.want)
		switch {
		case !ok:
			return got, false
		case order < 0:
			return got, c.op[0] == '<'
		case order > 0:
			return got, c.op[0] == '>'
		default:
			return got, strings.HasSuffix(c.op, "=")
		}
	}
}

// of returns the field's value, nil if there is none. Without a scope, the span's attribute hides the resource's.
func (f field) of(span *tracepb.Span, resource *resourcepb.Resource) *commonpb.AnyValue {
	if f.key == "" {
		return intrinsic(f.scope, span)
	}
	if f.scope != "resource" {
		if v := attributeOf(span.GetAttributes(), f.key); v != nil || f.scope == "span" {
			return v
		}
	}
	return attributeOf(resource.GetAttributes(), f.key)
}

func intrinsic(name string, span *tracepb.Span) *commonpb.AnyValue {
	switch name {
	case "name":
		return stringValue(span.GetName())
	case "status":
		return stringValue(strings.ToLower(strings.TrimPrefix(span.GetStatus().GetCode().String(), "STATUS_CODE_")))
	case "kind":
		return stringValue(strings.ToLower(strings.TrimPrefix(span.GetKind().String(), "SPAN_KIND_")))
	default:
		return intValue(int64(duration(span.GetStartTimeUnixNano(), span.GetEndTimeUnixNano())))
	}
}

func attributeOf(attributes []*commonpb.KeyValue, key string) *commonpb.AnyValue {
	for _, a := range attributes {
		if a.GetKey() == key {
			return a.GetValue()
		}
	}
	return nil
}

// compareNumbers is false unless both are numbers.
func compareNumbers(a, b *commonpb.AnyValue) (int, bool) {
	x, xIsInt := a.GetValue().(*commonpb.AnyValue_IntValue)
	y, yIsInt := b.GetValue().(*commonpb.AnyValue_IntValue)
	if xIsInt && yIsInt {
		return cmp.Compare(x.IntValue, y.IntValue), true
	}
	if _, ok := a.GetValue().(*commonpb.AnyValue_DoubleValue); !ok && !xIsInt {
		return 0, false
	}
	return cmp.Compare(number(a), number(b)), true
}

func number(v *commonpb.AnyValue) float64 {
	if i, ok := v.GetValue().(*commonpb.AnyValue_IntValue); ok {
		return float64(i.IntValue)
	}
	return v.GetDoubleValue()
}

// duration is 0 for a span whose clock went backwards.
func duration(start, end uint64) time.Duration {
	return time.Duration(max(end, start) - start)
}
