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
func (h Headers) extract(ctx context.Context) context.Context { return propagator.Extract(ctx, h) }

// spanContextOf reads a traceparent.
func spanContextOf(traceparent string) trace.SpanContext {
	return trace.SpanContextFromContext(Headers{"traceparent": traceparent}.extract(context.Background()))
}
