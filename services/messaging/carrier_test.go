package messaging

import (
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"
)

// Whether we or OpenTelemetry's propagator read the headers, the result is the same.
func TestHeadersAreReadAsThePropagatorReadsThem(t *testing.T) {
	const form = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	valid := 0
	for _, h := range []Headers{
		{},
		{"traceparent": ""},
		{"traceparent": form},
		{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"},
		{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02"},
		{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03"},
		{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g"},
		{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-11"},
		{"traceparent": "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"},
		{"traceparent": "00-00000000000000000000000000000000-b7ad6b7169203331-01"},
		{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"},
		{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333x-01"},
		{"traceparent": "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		{"traceparent": "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01"},
		{"traceparent": "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		{"traceparent": "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		{"traceparent": form + "-more"},
		{"traceparent": " " + form},
		{"traceparent": form, "tracestate": "vendor=1"},
		{"traceparent": form, "baggage": "customer.tier=premium"},
		{"baggage": "customer.tier=premium"},
	} {
		ours, theirs := h.extract(t.Context()), propagator.Extract(t.Context(), h)
		if a, b := trace.SpanContextFromContext(ours), trace.SpanContextFromContext(theirs); !a.Equal(b) {
			t.Errorf("%v: span context %v, expected %v", h, a, b)
		}
		if a, b := baggage.FromContext(ours).String(), baggage.FromContext(theirs).String(); a != b {
			t.Errorf("%v: baggage %q, expected %q", h, a, b)
		}
		if h.plain().IsValid() {
			valid++
		}
	}
	if valid != 2 {
		t.Errorf("%d of the headers are plain, expected the two of version 00 with nothing else", valid)
	}
}
