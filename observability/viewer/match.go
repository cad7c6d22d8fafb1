package viewer

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// holds reports whether all conditions on a span are true, and returns the attributes that they name; status and kind count as
// such.
func (q query) holds(span *tracepb.Span, resource *resourcepb.Resource) ([]*commonpb.KeyValue, bool) {
	var attributes []*commonpb.KeyValue
	for _, c := range q {
		if c.field.isOfTrace() {
			continue
		}
		value := c.field.of(span, resource)
		if !c.holds(value) {
			return nil, false
		}
		if c.field.scope != "name" && c.field.scope != "duration" {
			attributes = append(attributes, &commonpb.KeyValue{Key: cmp.Or(c.field.key, c.field.scope), Value: value})
		}
	}
	return attributes, true
}

// holdsOfTrace reports whether all conditions on the trace are true.
func (q query) holdsOfTrace(found foundTrace, took time.Duration) bool {
	of := map[string]*commonpb.AnyValue{
		"traceDuration":   intValue(int64(took)),
		"rootName":        stringValue(found.RootTraceName),
		"rootServiceName": stringValue(found.RootServiceName),
	}
	return !slices.ContainsFunc(q, func(c condition) bool { return c.field.isOfTrace() && !c.holds(of[c.field.scope]) })
}

// holds reports whether the condition is true of a value, or of one in a list.
func (c condition) holds(got *commonpb.AnyValue) bool {
	if list, ok := got.GetValue().(*commonpb.AnyValue_ArrayValue); ok {
		return slices.ContainsFunc(list.ArrayValue.GetValues(), func(v *commonpb.AnyValue) bool {
			_, isList := v.GetValue().(*commonpb.AnyValue_ArrayValue)
			return !isList && c.holds(v)
		})
	}
	switch want := c.want.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		text, ok := got.GetValue().(*commonpb.AnyValue_StringValue)
		return ok && text.StringValue == want.StringValue
	case *commonpb.AnyValue_BoolValue:
		b, ok := got.GetValue().(*commonpb.AnyValue_BoolValue)
		return ok && b.BoolValue == want.BoolValue
	default:
		order, ok := compareNumbers(got, c.want)
		switch {
		case !ok:
			return false
		case order < 0:
			return c.op[0] == '<'
		case order > 0:
			return c.op[0] == '>'
		default:
			return strings.HasSuffix(c.op, "=")
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

// compareNumbers is false unless both are numbers. NaN is none.
func compareNumbers(a, b *commonpb.AnyValue) (int, bool) {
	x, xIsInt := a.GetValue().(*commonpb.AnyValue_IntValue)
	y, yIsInt := b.GetValue().(*commonpb.AnyValue_IntValue)
	if xIsInt && yIsInt {
		return cmp.Compare(x.IntValue, y.IntValue), true
	}
	if _, ok := a.GetValue().(*commonpb.AnyValue_DoubleValue); !ok && !xIsInt {
		return 0, false
	}
	return cmp.Compare(number(a), number(b)), !math.IsNaN(number(a))
}

func number(v *commonpb.AnyValue) float64 {
	if i, ok := v.GetValue().(*commonpb.AnyValue_IntValue); ok {
		return float64(i.IntValue)
	}
	return v.GetDoubleValue()
}

// duration is 0 for a span whose clock went backwards, and 292 years for one that claims to have taken longer.
func duration(start, end uint64) time.Duration {
	return time.Duration(min(max(end, start)-start, math.MaxInt64))
}
