package events_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace/noop"
	"pgregory.net/rapid"

	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/inbox"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/order/internal/events"
	"example.com/clew/services/order/internal/httpapi"
	"example.com/clew/services/order/internal/order"
	"example.com/clew/services/order/internal/store"
	"example.com/clew/services/order/internal/store/migrations"
)

const orderID = "0199c0de-7a1b-7cde-8f01-23456789abcd"

// A service is the handlers on a database with one pending order.
type service struct {
	db       *database.DB
	outbox   *store.Outbox
	store    *store.Store
	handlers map[string]messaging.Handler[contracts.Stock]
	api      http.Handler
}

func newService(t *testing.T, databaseURL string) service {
	t.Helper()
	s := openService(t, databaseURL)
	s.insert(t, orderID)
	return s
}

// openService returns a service with connections of its own to a database, as each replica has.
func openService(t *testing.T, databaseURL string) service {
	t.Helper()
	tp := noop.NewTracerProvider()
	db, err := database.Open(t.Context(), databaseURL, migrations.FS, tp, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s, logger := store.New(db, nil), slog.New(slog.DiscardHandler)
	out := outbox.New(db, db.System(), messaging.New(nil, messaging.Config{Source: "/order"}))
	handlers := map[string]messaging.Handler[contracts.Stock]{}
	for _, h := range events.Handlers(inbox.New(out, "order"), s, logger) {
		handlers[h.Type()] = h
	}
	return service{db, out, s, handlers, httpapi.New(s, out, logger)}
}

// insert writes a pending order.
func (s service) insert(t fataler, id string) {
	t.Helper()
	pending := order.Order{
		ID: id, CustomerID: "ada", Status: order.Pending, Currency: "EUR", TotalCents: 9980,
		Items: []order.Item{{SKU: "lamp", Quantity: 2, UnitPriceCents: 4990}}, CreatedAt: time.Now(),
	}
	err := s.outbox.Transaction(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		return s.store.Insert(ctx, tx, pending)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Fatal(...any)
}

func reserved(id string) contracts.StockReserved {
	return contracts.StockReserved{OrderID: id, Items: []contracts.Quantity{{SKU: "lamp", Quantity: 2}}}
}

func rejected(id string) contracts.StockRejected {
	return contracts.StockRejected{OrderID: id, Reason: "out_of_stock: lamp"}
}

func message(t fataler, event messaging.Event[contracts.Stock]) messaging.Message {
	t.Helper()
	m, err := messaging.NewMessage(context.Background(), event)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (s service) handle(ctx context.Context, m messaging.Message) error {
	return s.handlers[m.Type].Handle(ctx, m)
}

// cancel asks the API to, and returns its status.
func (s service) cancel(id string) int {
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/orders/"+id+"/cancel", nil))
	return w.Code
}

type outcome struct {
	Status order.Status
	Reason string
	Events []string // type and payload of what was left in the outbox
}

func (s service) outcome(t fataler, id string) outcome {
	t.Helper()
	o, err := s.store.Order(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	got := outcome{Status: o.Status, Reason: o.Reason}
	err = s.db.Read.Raw("SELECT type || ' ' || data FROM outbox WHERE stream = 'orders' AND subject = ? ORDER BY id", id).
		Scan(&got.Events).Error
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestStockDecidesAnOrderOnce(t *testing.T) {
	confirmed := outcome{order.Confirmed, "", []string{`order.confirmed.v1 {"order_id":"` + orderID + `"}`}}
	refused := outcome{order.Rejected, "out_of_stock: lamp", []string{
		`order.rejected.v1 {"order_id":"` + orderID + `","reason":"out_of_stock: lamp"}`,
	}}
	yes, no := reserved(orderID), rejected(orderID)
	for name, test := range map[string]struct {
		answers []messaging.Event[contracts.Stock]
		want    outcome
	}{
		"reserved":                         {[]messaging.Event[contracts.Stock]{yes}, confirmed},
		"rejected":                         {[]messaging.Event[contracts.Stock]{no}, refused},
		"a second answer comes too late":   {[]messaging.Event[contracts.Stock]{yes, no}, confirmed},
		"the same answer under another id": {[]messaging.Event[contracts.Stock]{no, no}, refused},
	} {
		t.Run(name, func(t *testing.T) {
			messagingtest.EachDatabase(t, func(t *testing.T, databaseURL string) {
				s := newService(t, databaseURL)
				for _, answer := range test.answers {
					if err := s.handle(t.Context(), message(t, answer)); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(test.want, s.outcome(t, orderID)); diff != "" {
					t.Errorf("outcome (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestAnAnswerDeliveredTwiceCountsOnce(t *testing.T) {
	messagingtest.EachDatabase(t, testAnAnswerDeliveredTwiceCountsOnce)
}

func testAnAnswerDeliveredTwiceCountsOnce(t *testing.T, databaseURL string) {
	s := newService(t, databaseURL)
	m := message(t, reserved(orderID))
	if err := s.handle(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if err := s.handle(t.Context(), m); !errors.Is(err, messaging.ErrDuplicate) {
		t.Errorf("again: %v, want ErrDuplicate", err)
	}
	if got := s.outcome(t, orderID); got.Status != order.Confirmed || len(got.Events) != 1 {
		t.Errorf("outcome %+v, want confirmed and told once", got)
	}
}

func TestACancelledOrderStaysCancelled(t *testing.T) {
	messagingtest.EachDatabase(t, testACancelledOrderStaysCancelled)
}

func testACancelledOrderStaysCancelled(t *testing.T, databaseURL string) {
	s := newService(t, databaseURL)
	if status := s.cancel(orderID); status != http.StatusOK {
		t.Fatalf("cancel: %d", status)
	}
	for _, m := range []messaging.Message{
		message(t, reserved(orderID)), message(t, rejected(orderID)),
	} {
		if err := s.handle(t.Context(), m); err != nil {
			t.Errorf("%s: %v", m.Type, err)
		}
	}
	want := outcome{order.Cancelled, "", []string{`order.cancelled.v1 {"order_id":"` + orderID + `"}`}}
	if diff := cmp.Diff(want, s.outcome(t, orderID)); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

func TestACancellationAndAnAnswerAtOnceHaveOneOutcome(t *testing.T) {
	messagingtest.EachDatabase(t, testACancellationAndAnAnswerAtOnceHaveOneOutcome)
}

func testACancellationAndAnAnswerAtOnceHaveOneOutcome(t *testing.T, databaseURL string) {
	one, other := openService(t, databaseURL), openService(t, databaseURL)
	for i := range 50 {
		id := fmt.Sprint("order-", i)
		confirmed := fmt.Sprintf(`order.confirmed.v1 {"order_id":%q}`, id)
		refused := fmt.Sprintf(`order.rejected.v1 {"order_id":%q,"reason":"out_of_stock: lamp"}`, id)
		cancelled := fmt.Sprintf(`order.cancelled.v1 {"order_id":%q}`, id)
		answer := message(t, reserved(id))
		wants := map[int][]outcome{http.StatusOK: {
			{order.Cancelled, "", []string{cancelled}}, {order.Cancelled, "", []string{confirmed, cancelled}},
		}}
		if i%2 == 1 {
			answer = message(t, rejected(id))
			wants = map[int][]outcome{
				http.StatusOK:       {{order.Cancelled, "", []string{cancelled}}},
				http.StatusConflict: {{order.Rejected, "out_of_stock: lamp", []string{refused}}},
			}
		}
		one.insert(t, id)
		var both sync.WaitGroup
		var status int
		var err error
		both.Go(func() { status = one.cancel(id) })
		both.Go(func() { err = other.handle(t.Context(), answer) })
		both.Wait()
		got := one.outcome(t, id)
		if err != nil || !slices.ContainsFunc(wants[status], func(want outcome) bool { return cmp.Equal(want, got) }) {
			t.Fatalf("%s: error %v; cancelling is answered %d, and it is %+v", answer.Type, err, status, got)
		}
	}
}

// What is told of an order ends in the same state in whichever order it arrives, and however often.
func TestTheOrderOfArrivalDoesNotMatter(t *testing.T) {
	messagingtest.EachDatabase(t, testTheOrderOfArrivalDoesNotMatter)
}

func testTheOrderOfArrivalDoesNotMatter(t *testing.T, databaseURL string) {
	s := openService(t, databaseURL)
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		id := fmt.Sprint("order-", run)
		s.insert(t, id)
		confirm := message(t, reserved(id))
		steps := []string{"confirm"}
		want := order.Confirmed
		if rapid.Bool().Draw(t, "cancelled") {
			steps = append(steps, "cancel")
			want = order.Cancelled
		}
		again := rapid.SliceOf(rapid.SampledFrom(steps)).Draw(t, "again")
		for _, step := range rapid.Permutation(slices.Concat(steps, again)).Draw(t, "arrived") {
			if step == "cancel" {
				if status := s.cancel(id); status != http.StatusOK {
					t.Fatalf("cancel: %d", status)
				}
			} else if err := s.handle(context.Background(), confirm); err != nil && !errors.Is(err, messaging.ErrDuplicate) {
				t.Fatal(err)
			}
		}
		got := s.outcome(t, id)
		if got.Status != want || len(got.Events) == 0 || len(got.Events) > len(steps) {
			t.Fatalf("%+v, want it %s, and each change told once", got, want)
		}
	})
}

func TestStockOfAForeignOrderChangesNothing(t *testing.T) {
	messagingtest.EachDatabase(t, testStockOfAForeignOrderChangesNothing)
}

func testStockOfAForeignOrderChangesNothing(t *testing.T, databaseURL string) {
	s := newService(t, databaseURL)
	if err := s.handle(t.Context(), message(t, reserved("foreign"))); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(outcome{Status: order.Pending}, s.outcome(t, orderID)); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

func TestAnUnreadableAnswerIsPermanent(t *testing.T) {
	messagingtest.EachDatabase(t, testAnUnreadableAnswerIsPermanent)
}

func testAnUnreadableAnswerIsPermanent(t *testing.T, databaseURL string) {
	s := newService(t, databaseURL)
	m := message(t, rejected(orderID))
	m.Data = []byte(`{"order_id":"` + orderID + `"}`) // no reason
	if err := s.handle(t.Context(), m); !messaging.IsPermanent(err) {
		t.Errorf("error %v, want a permanent one", err)
	}
}

// stock.released.v1 follows a cancellation, which the order service told itself.
func TestReleasedStockIsIgnored(t *testing.T) {
	messagingtest.EachDatabase(t, testReleasedStockIsIgnored)
}

func testReleasedStockIsIgnored(t *testing.T, databaseURL string) {
	if _, handled := newService(t, databaseURL).handlers[contracts.StockReleased{}.Type()]; handled {
		t.Error("stock.released.v1 has a handler")
	}
}
