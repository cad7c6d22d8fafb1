package events_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace/noop"
	"gorm.io/gorm"

	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/inbox"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/order/internal/events"
	"example.com/clew/services/order/internal/order"
	"example.com/clew/services/order/internal/store"
	"example.com/clew/services/order/internal/store/migrations"
)

const orderID = "0199c0de-7a1b-7cde-8f01-23456789abcd"

var (
	reserved = contracts.StockReserved{OrderID: orderID, Items: []contracts.Quantity{{SKU: "lamp", Quantity: 2}}}
	rejected = contracts.StockRejected{OrderID: orderID, Reason: "out_of_stock: lamp"}
)

// A service is the handlers on a database with one pending order.
type service struct {
	db       *database.DB
	store    *store.Store
	handlers messaging.Handlers
}

func newService(t *testing.T) service {
	t.Helper()
	tp := noop.NewTracerProvider()
	db, err := database.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "order.db"), migrations.FS, tp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := store.New(db)
	pending := order.Order{
		ID: orderID, CustomerID: "ada", Status: order.Pending, Currency: "EUR", TotalCents: 9980,
		Items: []order.Item{{SKU: "lamp", Quantity: 2, UnitPriceCents: 4990}}, CreatedAt: time.Now(),
	}
	if err := db.Write.Transaction(func(tx *gorm.DB) error { return s.Insert(t.Context(), tx, pending) }); err != nil {
		t.Fatal(err)
	}
	in := inbox.New(outbox.New(db, "/order", tp), "order")
	return service{db, s, events.Handlers(in, s, slog.New(slog.DiscardHandler))}
}

func message(t *testing.T, eventType string, payload messaging.Payload) messaging.Message {
	t.Helper()
	m, err := messaging.NewMessage(t.Context(), contracts.StreamStock, eventType, orderID, payload)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (s service) handle(ctx context.Context, m messaging.Message) error {
	return s.handlers[m.Type](ctx, m)
}

// cancel changes the order as the API does.
func (s service) cancel(t *testing.T) {
	t.Helper()
	err := s.db.Write.Transaction(func(tx *gorm.DB) error {
		_, err := s.store.Change(t.Context(), tx, orderID, order.Cancelled, "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

type outcome struct {
	Status order.Status
	Reason string
	Events []string // type and payload of what was left in the outbox
}

func (s service) outcome(t *testing.T) outcome {
	t.Helper()
	o, err := s.store.Order(t.Context(), orderID)
	if err != nil {
		t.Fatal(err)
	}
	got := outcome{Status: o.Status, Reason: o.Reason}
	err = s.db.Read.Raw("SELECT type || ' ' || data FROM outbox WHERE stream = 'orders' AND subject = ? ORDER BY id", orderID).
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
	yes := outbox.Event{Type: contracts.StockReservedV1, Payload: reserved}
	no := outbox.Event{Type: contracts.StockRejectedV1, Payload: rejected}
	for name, test := range map[string]struct {
		answers []outbox.Event
		want    outcome
	}{
		"reserved":                         {[]outbox.Event{yes}, confirmed},
		"rejected":                         {[]outbox.Event{no}, refused},
		"a second answer comes too late":   {[]outbox.Event{yes, no}, confirmed},
		"the same answer under another id": {[]outbox.Event{no, no}, refused},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			for _, answer := range test.answers {
				if err := s.handle(t.Context(), message(t, answer.Type, answer.Payload)); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(test.want, s.outcome(t)); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnAnswerDeliveredTwiceCountsOnce(t *testing.T) {
	s := newService(t)
	m := message(t, contracts.StockReservedV1, reserved)
	if err := s.handle(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if err := s.handle(t.Context(), m); !errors.Is(err, messaging.ErrDuplicate) {
		t.Errorf("again: %v, want ErrDuplicate", err)
	}
	if got := s.outcome(t); got.Status != order.Confirmed || len(got.Events) != 1 {
		t.Errorf("outcome %+v, want confirmed and told once", got)
	}
}

func TestACancelledOrderStaysCancelled(t *testing.T) {
	s := newService(t)
	s.cancel(t)
	for _, m := range []messaging.Message{
		message(t, contracts.StockReservedV1, reserved), message(t, contracts.StockRejectedV1, rejected),
	} {
		if err := s.handle(t.Context(), m); err != nil {
			t.Errorf("%s: %v", m.Type, err)
		}
	}
	if diff := cmp.Diff(outcome{Status: order.Cancelled}, s.outcome(t)); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

func TestStockOfAForeignOrderChangesNothing(t *testing.T) {
	s := newService(t)
	foreign := contracts.StockReserved{OrderID: "foreign", Items: reserved.Items}
	if err := s.handle(t.Context(), message(t, contracts.StockReservedV1, foreign)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(outcome{Status: order.Pending}, s.outcome(t)); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

func TestAnUnreadableAnswerIsPermanent(t *testing.T) {
	s := newService(t)
	m := message(t, contracts.StockRejectedV1, rejected)
	m.Data = []byte(`{"order_id":"` + orderID + `"}`) // no reason
	if err := s.handle(t.Context(), m); !messaging.IsPermanent(err) {
		t.Errorf("error %v, want a permanent one", err)
	}
}

// stock.released.v1 follows a cancellation, which the order service told itself.
func TestReleasedStockIsIgnored(t *testing.T) {
	if newService(t).handlers[contracts.StockReleasedV1] != nil {
		t.Error("stock.released.v1 has a handler")
	}
}
