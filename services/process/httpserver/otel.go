package httpserver

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// OTel gives each request a SERVER span named after its method and route (`POST /orders`; the method alone where no
// route matched), the server metrics of OTel's HTTP conventions, and the response header traceresponse.
//
// The caller's trace is continued; without trustCaller the span starts a trace of its own and links to the caller's.
// Of the caller's baggage only `customer.tier` passes, with the value standard, premium or trial.
//
// No argument may be nil. Goes outside Wrap.
func OTel(next http.Handler, tp trace.TracerProvider, mp metric.MeterProvider,
	prop propagation.TextMapPropagator, trustCaller bool,
) http.Handler {
	return otelhttp.NewHandler(describeSpan(next), "",
		otelhttp.WithTracerProvider(tp),
		otelhttp.WithMeterProvider(mp),
		otelhttp.WithPropagators(callerPropagator{prop}),
		otelhttp.WithPublicEndpointFn(func(*http.Request) bool { return !trustCaller }))
}

// describeSpan adds what otelhttp leaves out: the span's http.route, and the header that tells the caller where to
// find the trace (W3C Trace Context level 2, draft).
func describeSpan(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		span := trace.SpanFromContext(r.Context())
		if sc := span.SpanContext(); sc.IsValid() {
			w.Header().Set("traceresponse", fmt.Sprintf("00-%s-%s-%s", sc.TraceID(), sc.SpanID(), sc.TraceFlags()))
		}
		// Deferred, because an aborted answer leaves by a panic. The pattern is known once the mux has run.
		defer func() {
			if _, route, ok := strings.Cut(r.Pattern, " "); ok {
				span.SetAttributes(semconv.HTTPRoute(route))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// callerPropagator drops the baggage that a caller has no business to set: it would travel on to every consumer.
type callerPropagator struct{ propagation.TextMapPropagator }

func (p callerPropagator) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	ctx = p.TextMapPropagator.Extract(ctx, carrier)
	bag := baggage.FromContext(ctx)
	for _, member := range bag.Members() {
		if !allowedMember(member) {
			bag = bag.DeleteMember(member.Key())
		}
	}
	return baggage.ContextWithBaggage(ctx, bag)
}

func allowedMember(member baggage.Member) bool {
	if member.Key() != "customer.tier" || len(member.Properties()) > 0 {
		return false
	}
	switch member.Value() {
	case "standard", "premium", "trial":
		return true
	}
	return false
}
