package e2e

import (
	"net/http"
	"strings"
	"testing"

	"example.com/clew/observability/telemetry/telemetrytest"
)

// The status, and the trace, of one order for each way that the saga can end.

func TestAConfirmedOrderIsOneTrace(t *testing.T) {
	s := newStack(t)
	o := s.place("lamp")
	if o.Status != "confirmed" {
		t.Fatalf("the order is %s: %s", o.Status, o.Reason)
	}
	spans := s.awaitSent("order.confirmed.v1")
	telemetrytest.Golden(t, "confirmed", tree(inTrace(spans, o.TraceID)))
}

func TestARejectedOrderIsOneTrace(t *testing.T) {
	s := newStack(t)
	s.ask("PUT", s.inventory+"/stock/lamp", `{"available": 0}`, http.StatusOK, nil)
	o := s.place("lamp")
	if o.Status != "rejected" || o.Reason != "out_of_stock: lamp" {
		t.Fatalf("the order is %s: %s", o.Status, o.Reason)
	}
	spans := s.awaitSent("order.rejected.v1")
	telemetrytest.Golden(t, "rejected", tree(inTrace(spans, o.TraceID)))
}

// A cancellation is a request of its own, and so a trace of its own.
func TestACancelledOrder(t *testing.T) {
	s := newStack(t)
	o := s.place("lamp")
	s.awaitSent("order.confirmed.v1")
	s.ask("POST", s.order+"/orders/"+o.ID+"/cancel", "", http.StatusOK, nil)
	spans := s.awaitSent("stock.released.v1")
	var cancelled telemetrytest.Spans
	for _, span := range spans {
		if strings.HasSuffix(span.Name, "/cancel") {
			cancelled = inTrace(spans, span.SpanContext.TraceID().String())
		}
	}
	telemetrytest.Golden(t, "cancelled", tree(cancelled))

	var stock struct{ Available, Reserved int64 }
	s.ask("GET", s.inventory+"/stock/lamp", "", http.StatusOK, &stock)
	if stock.Reserved != 0 {
		t.Errorf("after the cancellation %d units are still reserved", stock.Reserved)
	}
}

func inTrace(spans telemetrytest.Spans, traceID string) telemetrytest.Spans {
	var of telemetrytest.Spans
	for _, span := range spans {
		if span.SpanContext.TraceID().String() == traceID {
			of = append(of, span)
		}
	}
	return of
}
