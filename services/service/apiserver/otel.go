package apiserver

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// CustomerTier is the member of a request's baggage with the customer's tier. It travels to every consumer and is an attribute
// of their spans.
const CustomerTier = "customer.tier"

// A Tracing configures OTel. The providers and the propagator must not be nil.
type Tracing struct {
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
	Propagator     propagation.TextMapPropagator
	Addr           string // host:port of the server, for the attributes server.address and server.port
	TrustCaller    bool   // continue the caller's trace; else start one, and link to the caller's
	TestMode       bool   // let the caller steer how its order is traced
}

// OTel gives each request a SERVER span named after its method and route (`POST /orders`; the method alone where no
// route matched), the server metrics of OTel's HTTP conventions, and the response header traceresponse.
//
// Of the caller's baggage only `customer.tier` passes, with the value standard, premium or trial; it becomes an
// attribute of the span. In test mode `clew.propagation=off` and `clew.relation=link` pass as well.
//
// It goes outside httpserver.Wrap.
func OTel(next http.Handler, t Tracing) http.Handler {
	return otelhttp.NewHandler(describeSpan(next), "",
		otelhttp.WithTracerProvider(t.TracerProvider),
		otelhttp.WithMeterProvider(t.MeterProvider),
		// Not the Host header, which is the caller's: a long one would not fit into a metric's exemplars.
		otelhttp.WithServerName(t.Addr),
		otelhttp.WithPropagators(callerPropagator{t.Propagator, passingBaggage(t.TestMode)}),
		otelhttp.WithPublicEndpointFn(func(*http.Request) bool { return !t.TrustCaller }))
}

// describeSpan adds the attributes http.route and customer.tier to the span, and the header traceresponse, with which the
// caller finds the trace (W3C Trace Context level 2, draft): otelhttp leaves them out.
func describeSpan(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		span := trace.SpanFromContext(r.Context())
		if sc := span.SpanContext(); sc.IsValid() {
			w.Header().Set("traceresponse", fmt.Sprintf("00-%s-%s-%s", sc.TraceID(), sc.SpanID(), sc.TraceFlags()))
		}
		if tier := baggage.FromContext(r.Context()).Member(CustomerTier).Value(); tier != "" {
			span.SetAttributes(attribute.String(CustomerTier, tier))
		}
		// Deferred, because an aborted answer is a panic. The pattern is known once the mux has run.
		defer func() {
			if _, route, ok := strings.Cut(r.Pattern, " "); ok {
				span.SetAttributes(semconv.HTTPRoute(route))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// passingBaggage returns the members of baggage that a caller may set, with their allowed values.
func passingBaggage(testMode bool) map[string][]string {
	passing := map[string][]string{CustomerTier: {"standard", "premium", "trial"}}
	if testMode {
		passing["clew.propagation"] = []string{"off"}
		passing["clew.relation"] = []string{"link"}
	}
	return passing
}

// callerPropagator drops all other baggage of a caller: it would travel on to every consumer.
type callerPropagator struct {
	propagation.TextMapPropagator
	passing map[string][]string
}

func (p callerPropagator) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	ctx = p.TextMapPropagator.Extract(ctx, carrier)
	bag := baggage.FromContext(ctx)
	for _, member := range bag.Members() {
		if len(member.Properties()) > 0 || !slices.Contains(p.passing[member.Key()], member.Value()) {
			bag = bag.DeleteMember(member.Key())
		}
	}
	return baggage.ContextWithBaggage(ctx, bag)
}
