package messaging

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Headers are a message's CloudEvents extension attributes. They carry the trace context: OpenTelemetry's propagators read
// and write the headers traceparent, tracestate and baggage, as the W3C defines them.
type Headers map[string]string

var _ propagation.TextMapCarrier = Headers{}

// Get returns a header's value, or "" if there is none.
func (h Headers) Get(key string) string { return h[key] }

// Set replaces a header.
func (h Headers) Set(key, value string) { h[key] = value }

// Keys lists the headers' names in no order.
func (h Headers) Keys() []string {
	keys := make([]string, 0, len(h))
	for key := range h {
		keys = append(keys, key)
	}
	return keys
}

// propagator is fixed, not configured: the headers are part of the message format.
var propagator = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

func (h Headers) inject(ctx context.Context) { propagator.Inject(ctx, h) }

// extract returns ctx with the creation context and baggage of the headers. A traceparent that is missing or malformed
// leaves ctx without a span context, so that processing starts a trace of its own.
func (h Headers) extract(ctx context.Context) context.Context {
	if sc := h.plain(); sc.IsValid() {
		return trace.ContextWithRemoteSpanContext(ctx, sc)
	}
	return propagator.Extract(ctx, h)
}

// plain reads the headers of most messages, a traceparent of version 00 and nothing else, in half of the propagator's time. It
// leaves all others to the propagator.
func (h Headers) plain() trace.SpanContext {
	const form = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	text := h["traceparent"]
	if len(text) != len(form) || text[:3] != "00-" || text[35] != '-' || text[52:54] != "-0" || text[54]&^1 != '0' ||
		h["tracestate"] != "" || h["baggage"] != "" {
		return trace.SpanContext{}
	}
	traceID, errTrace := trace.TraceIDFromHex(text[3:35])
	spanID, errSpan := trace.SpanIDFromHex(text[36:52])
	if errTrace != nil || errSpan != nil {
		return trace.SpanContext{}
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: trace.TraceFlags(text[54] & 1)})
}

// spanContextOf reads a traceparent.
func spanContextOf(traceparent string) trace.SpanContext {
	return trace.SpanContextFromContext(Headers{"traceparent": traceparent}.extract(context.Background()))
}
