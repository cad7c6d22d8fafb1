package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"example.com/clew/services/contracts"
	"example.com/clew/services/order/internal/httpapi"
)

const lamps = `{"customer_id":"ada","items":[{"sku":"lamp","quantity":2,"unit_price_cents":4990},{"sku":"bulb","quantity":1,"unit_price_cents":20}]}`

func TestAnOrderIsAccepted(t *testing.T) {
	s := newServer(t)
	w := s.ask("POST", "/orders", lamps)
	got := decode[httpapi.Order](t, w, http.StatusCreated)

	want := httpapi.Order{
		CustomerID: "ada", Status: "pending", Currency: "EUR", TotalCents: 10_000,
		Items: []httpapi.Item{{SKU: "lamp", Quantity: 2, UnitPriceCents: 4990}, {SKU: "bulb", Quantity: 1, UnitPriceCents: 20}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(httpapi.Order{}, "ID", "TraceID", "CreatedAt")); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if id, err := uuid.Parse(got.ID); err != nil || id.Version() != 7 {
		t.Errorf("id %q, want a UUIDv7", got.ID)
	}
	if age := time.Since(got.CreatedAt); age < 0 || age > time.Minute || got.CreatedAt.Location() != time.UTC {
		t.Errorf("created at %s", got.CreatedAt)
	}
	if location := w.Header().Get("Location"); location != "/orders/"+got.ID {
		t.Errorf("location %q", location)
	}
	if parts := strings.Split(w.Header().Get("traceresponse"), "-"); len(parts) != 4 || parts[1] != got.TraceID {
		t.Errorf("traceresponse %q, but trace_id %q", w.Header().Get("traceresponse"), got.TraceID)
	}
	if read := decode[httpapi.Order](t, s.ask("GET", "/orders/"+got.ID, ""), http.StatusOK); !cmp.Equal(got, read) {
		t.Errorf("read again (-placed +read):\n%s", cmp.Diff(got, read))
	}
}

func TestEveryFieldOfAnOrderIsThere(t *testing.T) {
	w := newServer(t).ask("POST", "/orders", lamps)
	fields := decode[map[string]any](t, w, http.StatusCreated)
	for _, name := range strings.Fields("id customer_id status reason currency total_cents items trace_id created_at") {
		if _, ok := fields[name]; !ok {
			t.Errorf("no %s in %s", name, w.Body)
		}
	}
	if len(fields) != 9 {
		t.Errorf("%d fields, want 9: %s", len(fields), w.Body)
	}
}

func TestAnAcceptedOrderLeavesItsEvent(t *testing.T) {
	s := newServer(t)
	o := s.place(t, strings.Replace(lamps, `"items"`, `"currency":"CHF","items"`, 1))

	events := s.events(t)
	if len(events) != 1 || events[0].Type != contracts.OrderCreatedV1 || events[0].Subject != o.ID {
		t.Fatalf("events %+v, want one order.created.v1 about %s", events, o.ID)
	}
	var got contracts.OrderCreated
	if err := json.Unmarshal([]byte(events[0].Data), &got); err != nil {
		t.Fatal(err)
	}
	want := contracts.OrderCreated{
		OrderID: o.ID, CustomerID: "ada", Currency: "CHF", TotalCents: 10_000,
		Items: []contracts.Item{{SKU: "lamp", Quantity: 2, UnitPriceCents: 4990}, {SKU: "bulb", Quantity: 1, UnitPriceCents: 20}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if trace := strings.Split(events[0].Traceparent, "-"); len(trace) != 4 || trace[1] != o.TraceID {
		t.Errorf("traceparent %q, want the trace %s", events[0].Traceparent, o.TraceID)
	}
}

func TestASearchForTheOrderFindsItsRequests(t *testing.T) {
	s := newServer(t)
	o := s.place(t, lamps, "Idempotency-Key", "k")
	s.place(t, lamps, "Idempotency-Key", "k")
	s.ask("GET", "/orders/"+o.ID, "")
	s.ask("POST", "/orders/"+o.ID+"/cancel", "")

	found := map[string]int{}
	for _, span := range s.spans.Spans() {
		for _, attribute := range span.Attributes {
			if span.SpanKind == trace.SpanKindServer && attribute.Key == semconv.MessagingMessageConversationIDKey &&
				attribute.Value.AsString() == o.ID {
				found[span.Name]++
			}
		}
	}
	want := map[string]int{"POST /orders": 2, "GET /orders/{id}": 1, "POST /orders/{id}/cancel": 1}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("server spans with the order's id (-want +got):\n%s", diff)
	}
}

func TestAWrongOrderIsRefusedByField(t *testing.T) {
	s := newServer(t)
	item := func(s string) string { return `{"customer_id":"ada","items":[` + s + `]}` }
	for name, test := range map[string]struct{ body, location string }{
		"no customer":       {`{"items":[{"sku":"a","quantity":1,"unit_price_cents":1}]}`, "body"},
		"empty customer":    {strings.Replace(lamps, "ada", "", 1), "body.customer_id"},
		"odd customer":      {strings.Replace(lamps, "ada", "a b", 1), "body.customer_id"},
		"trailing newline":  {strings.Replace(lamps, "ada", `ada\n`, 1), "body.customer_id"},
		"long customer":     {strings.Replace(lamps, "ada", strings.Repeat("a", 65), 1), "body.customer_id"},
		"small currency":    {strings.Replace(lamps, `"items"`, `"currency":"eur","items"`, 1), "body.currency"},
		"empty currency":    {strings.Replace(lamps, `"items"`, `"currency":"","items"`, 1), "body.currency"},
		"no items":          {`{"customer_id":"ada"}`, "body"},
		"empty items":       {item(""), "body.items"},
		"null items":        {`{"customer_id":"ada","items":null}`, "body.items"},
		"too many items":    {item(strings.Repeat(`{"sku":"a","quantity":1,"unit_price_cents":1},`, 1000) + `{"sku":"a","quantity":1,"unit_price_cents":1}`), "body.items"},
		"empty sku":         {item(`{"sku":"","quantity":1,"unit_price_cents":1}`), "body.items[0].sku"},
		"no quantity":       {item(`{"sku":"a","unit_price_cents":1}`), "body.items[0]"},
		"zero quantity":     {item(`{"sku":"a","quantity":0,"unit_price_cents":1}`), "body.items[0].quantity"},
		"huge quantity":     {item(`{"sku":"a","quantity":1000001,"unit_price_cents":1}`), "body.items[0].quantity"},
		"half a unit":       {item(`{"sku":"a","quantity":1.5,"unit_price_cents":1}`), "body.items[0].quantity"},
		"negative price":    {item(`{"sku":"a","quantity":1,"unit_price_cents":-1}`), "body.items[0].unit_price_cents"},
		"price out of int":  {item(`{"sku":"a","quantity":1,"unit_price_cents":9223372036854775808}`), "body"},
		"total out of int":  {item(`{"sku":"a","quantity":2,"unit_price_cents":9223372036854775807}`), "body.items"},
		"unknown field":     {strings.Replace(lamps, `"items"`, `"coupon":"X","items"`, 1), "body.coupon"},
		"field of an order": {strings.Replace(lamps, `"items"`, `"status":"confirmed","items"`, 1), "body.status"},
	} {
		t.Run(name, func(t *testing.T) {
			got := location(t, problem(t, s.ask("POST", "/orders", test.body), http.StatusUnprocessableEntity))
			if got != test.location {
				t.Errorf("the problem names %q, want %q", got, test.location)
			}
		})
	}
	if events := s.events(t); len(events) > 0 {
		t.Errorf("refused orders left events: %+v", events)
	}
}

func TestTheLargestOrderIsAccepted(t *testing.T) {
	const items = 1000
	sku := strings.Repeat("x", 60)
	body := `{"customer_id":"` + strings.Repeat("c", 64) + `","items":[`
	for i := range items {
		body += fmt.Sprintf(`{"sku":"%s%04d","quantity":1000000,"unit_price_cents":9000000000},`, sku, i)
	}
	o := newServer(t).place(t, strings.TrimSuffix(body, ",")+"]}")
	if len(o.Items) != items || o.TotalCents != 9_000_000_000_000_000_000 {
		t.Errorf("%d items, total %d", len(o.Items), o.TotalCents)
	}
}

func TestAKeyGetsTheSameOrderAgain(t *testing.T) {
	s := newServer(t)
	first := s.place(t, lamps, "Idempotency-Key", "basket-1")
	s.setStatus(t, first.ID, "confirmed", "")

	// The same question in other words: the default spelt out, fields in another order.
	again := `{"items":[{"quantity":2,"sku":"lamp","unit_price_cents":4990},{"sku":"bulb","quantity":1,"unit_price_cents":20}], "currency":"EUR","customer_id":"ada"}`
	w := s.ask("POST", "/orders", again, "Idempotency-Key", "basket-1")
	second := decode[httpapi.Order](t, w, http.StatusCreated)
	if diff := cmp.Diff(first, second); diff != "" { // pending again: it is the first answer
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if location := w.Header().Get("Location"); location != "/orders/"+first.ID {
		t.Errorf("location %q", location)
	}

	if other := s.place(t, lamps, "Idempotency-Key", "basket-2"); other.ID == first.ID {
		t.Error("another key got the same order")
	}
	if other := s.place(t, lamps); other.ID == first.ID {
		t.Error("no key got the same order")
	}
	if events := s.events(t); len(events) != 3 {
		t.Errorf("%d events, want 3: %+v", len(events), events)
	}
}

func TestAKeyIsForOneBody(t *testing.T) {
	s := newServer(t)
	s.place(t, lamps, "Idempotency-Key", "basket")
	other := strings.Replace(lamps, `"quantity":2`, `"quantity":3`, 1)
	p := problem(t, s.ask("POST", "/orders", other, "Idempotency-Key", "basket"), http.StatusUnprocessableEntity)
	if got := location(t, p); got != "header.Idempotency-Key" {
		t.Errorf("the problem names %q", got)
	}
}

func TestARefusedOrderLeavesItsKeyFree(t *testing.T) {
	s := newServer(t)
	problem(t, s.ask("POST", "/orders", `{}`, "Idempotency-Key", "basket"), http.StatusUnprocessableEntity)
	s.place(t, lamps, "Idempotency-Key", "basket")
}

func TestAKeyIsVisibleASCII(t *testing.T) {
	s := newServer(t)
	for name, key := range map[string]string{
		"empty": "", "a space": "a b", "an umlaut": "ä", "a tab": "a\tb", "256 characters": strings.Repeat("k", 256),
	} {
		p := problem(t, s.ask("POST", "/orders", lamps, "Idempotency-Key", key), http.StatusUnprocessableEntity)
		if got := location(t, p); got != "header.Idempotency-Key" {
			t.Errorf("%s: the problem names %q", name, got)
		}
	}
	s.place(t, lamps, "Idempotency-Key", "!~"+strings.Repeat("k", 253))
}

func TestConcurrentRequestsWithOneKeyPlaceOneOrder(t *testing.T) {
	s := newServer(t)
	const requests = 16
	answers := make([]*httptest.ResponseRecorder, requests)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = s.ask("POST", "/orders", lamps, "Idempotency-Key", "basket") })
	}
	all.Wait()
	ids := map[string]bool{}
	for _, w := range answers {
		ids[decode[httpapi.Order](t, w, http.StatusCreated).ID] = true
	}
	if len(ids) != 1 || len(s.events(t)) != 1 {
		t.Errorf("%d orders and %d events, want one of each", len(ids), len(s.events(t)))
	}
}
