package load

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// start begins the span of a request, as OpenTelemetry's conventions for HTTP clients say. If it is sampled, the request
// carries its context. Any other request carries none: one that says "not sampled" would keep the order service from
// recording the trace, too.
func (h *HTTP) start(ctx context.Context, request *http.Request) trace.Span {
	ctx, span := h.tracer.Start(ctx, request.Method, trace.WithSpanKind(trace.SpanKindClient))
	if span.IsRecording() {
		span.SetAttributes(h.attributes...)
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(request.Header))
	}
	return span
}

// end ends the span with the result of the request.
func end(span trace.Span, answer Answer) {
	if span.IsRecording() {
		if answer.Status != 0 {
			span.SetAttributes(semconv.HTTPResponseStatusCode(answer.Status))
		}
		if answer.Problem != "" {
			span.SetAttributes(semconv.ErrorTypeKey.String(answer.Problem))
			span.SetStatus(codes.Error, "")
		}
	}
	span.End(trace.WithTimestamp(answer.Done))
}

// attributesOf returns the attributes of all spans to an address.
func attributesOf(address string) []attribute.KeyValue {
	attributes := []attribute.KeyValue{semconv.HTTPRequestMethodPost, semconv.URLFull(address)}
	u, err := url.Parse(address)
	if err != nil {
		return attributes // nothing will be sent either
	}
	attributes = append(attributes, semconv.ServerAddress(u.Hostname()))
	if port, err := strconv.Atoi(u.Port()); err == nil {
		attributes = append(attributes, semconv.ServerPort(port))
	}
	return attributes
}
