package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/telemetry/httpserver/httpservertest"
	"example.com/clew/services/contracts"
	"example.com/clew/services/order/internal/httpapi"
)

func TestCancel(t *testing.T) {
	for from, want := range map[string]struct {
		status int
		events []string
	}{
		"pending":   {http.StatusOK, []string{contracts.OrderCreated{}.Type(), contracts.OrderCancelled{}.Type()}},
		"confirmed": {http.StatusOK, []string{contracts.OrderCreated{}.Type(), contracts.OrderCancelled{}.Type()}},
		"cancelled": {http.StatusOK, []string{contracts.OrderCreated{}.Type()}},
		"rejected":  {http.StatusConflict, []string{contracts.OrderCreated{}.Type()}},
	} {
		t.Run(from, func(t *testing.T) {
			s := newServer(t)
			o := s.place(t, lamps)
			s.setStatus(t, o.ID, from, "")
			w := s.ask("POST", "/orders/"+o.ID+"/cancel", "")
			if want.status == http.StatusOK {
				o.Status = "cancelled"
				if diff := cmp.Diff(o, httpservertest.Decode[httpapi.Order](t, w, http.StatusOK)); diff != "" {
					t.Errorf("order (-want +got):\n%s", diff)
				}
			} else if p := httpservertest.Problem(t, w, want.status); !strings.Contains(p.Detail, from) {
				t.Errorf("the problem says %q, without the order's status", p.Detail)
			}
			var types []string
			for _, e := range s.events(t) {
				types = append(types, e.Type)
				if e.Subject != o.ID {
					t.Errorf("%s is about %q", e.Type, e.Subject)
				}
			}
			if diff := cmp.Diff(want.events, types); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCancellingTwiceTellsOnce(t *testing.T) {
	s := newServer(t)
	o := s.place(t, lamps)
	for range 2 {
		httpservertest.Decode[httpapi.Order](t, s.ask("POST", "/orders/"+o.ID+"/cancel", ""), http.StatusOK)
	}
	if events := s.events(t); len(events) != 2 || events[1].Data != `{"order_id":"`+o.ID+`"}` {
		t.Errorf("events %+v, want created and one cancelled", events)
	}
}

// A span of creating a message stands only where there is a message.
func TestOnlyACancellationThatCountsCreatesAMessage(t *testing.T) {
	s := newServer(t)
	o := s.place(t, lamps)
	for _, want := range []int{1, 0} {
		s.spans.Reset()
		s.ask("POST", "/orders/"+o.ID+"/cancel", "")
		got := 0
		for _, span := range s.spans.Spans() {
			if span.Name == "create orders" {
				got++
			}
		}
		if got != want {
			t.Errorf("%d spans named create orders, want %d", got, want)
		}
	}
}
