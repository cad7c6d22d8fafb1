package browsertest

import (
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"
)

func TestTheFormPostsWhatWasChosen(t *testing.T) {
	s, told := newStage(t), recorded(t, "flaky")
	s.set("POST /api/orders", told.asOrder("test-flaky", "pending"))
	s.set("/api/orders/"+told.order, told.asOrder("test-flaky", "pending"))
	p := s.open("/")
	p.UntilText("Place one above")
	p.Click("input[value=test-flaky]")
	p.UntilText("test-flaky fails on its first two deliveries")
	p.Click("input[name=propagation]")
	p.Click("input[name=relation]")
	p.Type("input[name=quantity]", kb.ArrowUp+kb.ArrowUp)
	p.Type("select[name=tier]", "premium")
	p.Press("Place order")

	sent := s.sent()
	if want := "clew.propagation=off,clew.relation=link,customer.tier=premium"; sent.header.Get("Baggage") != want {
		t.Errorf("baggage %q, want %q", sent.header.Get("Baggage"), want)
	}
	want := object{"customer_id": "page", "items": []any{object{"sku": "test-flaky", "quantity": 3.0, "unit_price_cents": 1999.0}}}
	if diff := cmp.Diff(want, sent.content); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	p.UntilText("of test-flaky was accepted")
	p.Until("location.search === '?order=" + told.order + "'")
	p.Until("document.querySelector('.journey h2')?.textContent === 'test-flaky'")
}

func TestAPlainOrderHasNoBaggage(t *testing.T) {
	s, told := newStage(t), recorded(t, "plain")
	s.set("POST /api/orders", told.asOrder("lamp", "pending"))
	p := s.open("/")
	p.Press("Place order")
	if sent := s.sent(); sent.header.Values("Baggage") != nil {
		t.Errorf("baggage %q, want none", sent.header.Values("Baggage"))
	}
}

func TestAnOrderThatIsNotSampledSaysSo(t *testing.T) {
	s, told := newStage(t), recorded(t, "plain")
	s.traceresponse = "00-" + told.traces[0].id + "-00f067aa0ba902b7-00"
	s.set("POST /api/orders", told.asOrder("lamp", "pending"))
	s.set("/api/orders", list(told.asOrder("lamp", "pending")))
	p := s.open("/")
	p.Press("Place order")
	s.sent()
	p.UntilText("Its trace was not sampled, so no span of it is kept")
	s.set("/api/orders", list(told.asOrder("lamp", "confirmed")))
	s.event("traces", object{"ids": []string{"00000000000000000000000000000001"}})
	p.UntilText("Confirmed. Its trace was not sampled")
}

func TestAnOrderThatIsRefusedSaysWhy(t *testing.T) {
	s := newStage(t)
	s.set("POST /api/orders", http.StatusUnprocessableEntity)
	p := s.open("/")
	p.Press("Place order")
	p.UntilText("POST /api/orders answers 422")
}

func TestTheNewestOrdersSayWhatTheirTracesKnow(t *testing.T) {
	s := newStage(t)
	flaky, invalid, off := s.record("flaky"), s.record("invalid"), s.record("off")
	s.set("/api/orders", list(flaky.asOrder("test-flaky", "confirmed"), invalid.asOrder("test-invalid", "pending"), off.asOrder("lamp", "confirmed")))
	p := s.open("/")
	p.Until("document.querySelectorAll('[data-order]').length === 3")
	tags := p.Texts("[data-order] .tag")
	if diff := cmp.Diff([]string{"confirmed", "dead-lettered", "confirmed"}, tags); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	took := p.Texts("[data-order] .num")
	if took[0] == "" || took[1] != "" || took[2] == "" { // the last one's from another trace than its own
		t.Errorf("took %q, want it of the finished orders only", took)
	}
	p.Click("[data-order='" + flaky.order + "'] .order-more a")
	p.Until("location.pathname === '/traces/" + flaky.traces[0].id + "'")
}

func TestOrdersRecoverWhenTheOrderServiceIsBack(t *testing.T) {
	s, told := newStage(t), recorded(t, "plain")
	s.set("/api/orders", http.StatusBadGateway)
	p := s.open("/")
	p.UntilText("/api/orders answers 502")
	s.set("/api/orders", list(told.asOrder("lamp", "confirmed")))
	p.Until("document.querySelectorAll('[data-order]').length === 1 && !document.querySelector('.problem')")
}

func TestSeveralOrdersArePlacedByOneClick(t *testing.T) {
	s, told := newStage(t), recorded(t, "plain")
	var mu sync.Mutex
	asked := 0
	s.set("POST /api/orders", func(url.Values) any {
		mu.Lock()
		defer mu.Unlock()
		if asked++; asked == 2 || asked == 4 {
			return http.StatusServiceUnavailable
		}
		return told.asOrder("lamp", "pending")
	})
	p := s.open("/")
	p.Type("input[name=count]", kb.ArrowUp+kb.ArrowUp+kb.ArrowUp+kb.ArrowUp)
	p.Press("Place 5 orders")
	for range 5 {
		s.sent()
	}
	p.UntilText("3 of 5 orders of lamp accepted, 2 failed; the first error is above")
	p.UntilText("POST /api/orders answers 503")
	p.Until("location.search === '?order=" + told.order + "' && !document.querySelector('.order-form .button-primary').disabled")
	p.Type("input[name=count]", kb.End+"00") // 500
	p.Press("Place 500 orders")
	p.Until("document.querySelector('input[name=count]:invalid')")
}
