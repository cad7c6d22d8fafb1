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

	"example.com/clew/observability/telemetry/httpserver/httpservertest"
	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/services/order/internal/httpapi"
)

const lamps = `{"customer_id":"ada","items":[{"sku":"lamp","quantity":2,"unit_price_cents":4990},{"sku":"bulb","quantity":1,"unit_price_cents":20}]}`

func TestAnOrderIsAccepted(t *testing.T) {
	s := newServer(t)
	w := s.ask("POST", "/orders", lamps)
	got := httpservertest.Decode[httpapi.Order](t, w, http.StatusCreated)

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
	if read := httpservertest.Decode[httpapi.Order](t, s.ask("GET", "/orders/"+got.ID, ""), http.StatusOK); !cmp.Equal(got, read) {
		t.Errorf("read again (-placed +read):\n%s", cmp.Diff(got, read))
	}
}

func TestEveryFieldOfAnOrderIsThere(t *testing.T) {
	w := newServer(t).ask("POST", "/orders", lamps)
	fields := httpservertest.Decode[map[string]any](t, w, http.StatusCreated)
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
	if len(events) != 1 || events[0].Type != (contracts.OrderCreated{}).Type() || events[0].Subject != o.ID {
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
	second := httpservertest.Decode[httpapi.Order](t, w, http.StatusCreated)
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
	p := httpservertest.Problem(t, s.ask("POST", "/orders", other, "Idempotency-Key", "basket"), http.StatusUnprocessableEntity)
	if got := location(t, p); got != "header.Idempotency-Key" {
		t.Errorf("the problem names %q", got)
	}
}

func TestARefusedOrderLeavesItsKeyFree(t *testing.T) {
	s := newServer(t)
	httpservertest.Problem(t, s.ask("POST", "/orders", `{}`, "Idempotency-Key", "basket"), http.StatusUnprocessableEntity)
	s.place(t, lamps, "Idempotency-Key", "basket")
}

func TestTheLongestKeyIsTaken(t *testing.T) {
	newServer(t).place(t, lamps, "Idempotency-Key", "!~"+strings.Repeat("k", 253))
}

func TestConcurrentRequestsWithOneKeyPlaceOneOrder(t *testing.T) {
	messagingtest.EachDatabase(t, testConcurrentRequestsWithOneKeyPlaceOneOrder)
}

func testConcurrentRequestsWithOneKeyPlaceOneOrder(t *testing.T, databaseURL string) {
	servers := [...]server{openServer(t, databaseURL), openServer(t, databaseURL)}
	const requests = 16
	answers := make([]*httptest.ResponseRecorder, requests)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = servers[i%2].ask("POST", "/orders", lamps, "Idempotency-Key", "basket") })
	}
	all.Wait()
	first := answers[0].Body.String()
	for _, w := range answers {
		if w.Code != http.StatusCreated || w.Body.String() != first {
			t.Errorf("status %d: %s, want what the first was answered: %s", w.Code, w.Body, first)
		}
	}
	want := map[string]int64{"orders": 1, "order_items": 2, "idempotency_keys": 1, "outbox": 1}
	if diff := cmp.Diff(want, servers[0].rows(t)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// The transaction of the first request ends before its commit: nothing of it is left, so the second one places the order.
func TestAKeyWhoseRequestCameToNothingIsFree(t *testing.T) {
	s := newServer(t)
	rename := func(from, to string) {
		t.Helper()
		if err := s.db.Write.Exec("ALTER TABLE " + from + " RENAME TO " + to).Error; err != nil {
			t.Fatal(err)
		}
	}
	rename("outbox", "away") // what the transaction writes last
	httpservertest.Problem(t, s.ask("POST", "/orders", lamps, "Idempotency-Key", "basket"), http.StatusInternalServerError)
	rename("away", "outbox")
	if diff := cmp.Diff(nothing, s.rows(t)); diff != "" {
		t.Errorf("rows after the first request (-want +got):\n%s", diff)
	}

	s.place(t, lamps, "Idempotency-Key", "basket")
	want := map[string]int64{"orders": 1, "order_items": 2, "idempotency_keys": 1, "outbox": 1}
	if diff := cmp.Diff(want, s.rows(t)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestAKeyInQuotationMarksIsTheSameKey(t *testing.T) {
	s := newServer(t)
	for plain, quoted := range map[string]string{"k1": `"k1"`, `a"b\`: `"a\"b\\"`} {
		first := s.place(t, lamps, "Idempotency-Key", plain)
		if again := s.place(t, lamps, "Idempotency-Key", quoted); again.ID != first.ID {
			t.Errorf("%s is another key than %s", quoted, plain)
		}
	}
	if first, other := s.place(t, lamps, "Idempotency-Key", `"`), s.place(t, lamps, "Idempotency-Key", "q"); first.ID == other.ID {
		t.Error("one quotation mark is no key of its own")
	}
}
