package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace/noop"

	"example.com/clew/services/inventory/internal/stock"
	"example.com/clew/services/inventory/internal/store"
	"example.com/clew/services/inventory/internal/store/migrations"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/services/messaging/outbox"
)

func TestStore(t *testing.T) {
	for name, test := range map[string]func(suite, *testing.T){
		"what is missing is seeded":                suite.seed,
		"stock is set, and what is reserved stays": suite.set,
		"stock is listed by SKU":                   suite.list,
		"what is unknown is not found":             suite.unknown,
		"locking finds what exists":                suite.lock,
		"a reservation moves units there and back": suite.reserve,
		"a rejection moves nothing":                suite.reject,
		"a tombstone stands in the way":            suite.tombstone,
		"stock is never negative":                  suite.negative,
	} {
		t.Run(name, func(t *testing.T) {
			messagingtest.EachDatabase(t, func(t *testing.T, url string) { test(openSuite(t, url), t) })
		})
	}
}

// A suite is one test's database.
type suite struct {
	db     *database.DB
	store  *store.Store
	outbox *store.Outbox
}

// openSuite returns a suite with connections of its own, as each process has.
func openSuite(t *testing.T, url string) suite {
	t.Helper()
	db, err := database.Open(t.Context(), url, migrations.FS, noop.NewTracerProvider(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return suite{db, store.New(db, nil), outbox.New(db, db.System(), messaging.New(nil, messaging.Config{}))}
}

// transaction fails the test if fn or the commit does.
func (s suite) transaction(t *testing.T, fn func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	if err := s.outbox.Transaction(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// fill makes the stock 10 bulbs and 5 lamps.
func (s suite) fill(t *testing.T) {
	t.Helper()
	if err := s.store.Seed(t.Context(), []stock.Item{{SKU: "lamp", Available: 5}, {SKU: "bulb", Available: 10}}); err != nil {
		t.Fatal(err)
	}
}

func (s suite) wantStock(t *testing.T, want ...stock.Item) {
	t.Helper()
	got, err := s.store.Items(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stock (-want +got):\n%s", diff)
	}
}

func (s suite) wantReservation(t *testing.T, want stock.Reservation) {
	t.Helper()
	got, err := s.store.Reservation(t.Context(), want.OrderID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reservation (-want +got):\n%s", diff)
	}
}

func (s suite) insert(t *testing.T, r stock.Reservation) (first bool) {
	t.Helper()
	s.transaction(t, func(ctx context.Context, tx *store.Tx) (err error) {
		first, err = s.store.Insert(ctx, tx, r)
		return err
	})
	return first
}

func (s suite) cancel(t *testing.T, orderID string) (released []stock.Line) {
	t.Helper()
	s.transaction(t, func(ctx context.Context, tx *store.Tx) (err error) {
		released, err = s.store.Cancel(ctx, tx, orderID)
		return err
	})
	return released
}

func (s suite) seed(t *testing.T) {
	s.fill(t)
	s.insert(t, stock.Reservation{OrderID: "o", State: stock.Reserved, Lines: []stock.Line{{SKU: "lamp", Quantity: 2}}})
	for range 2 {
		err := s.store.Seed(t.Context(), []stock.Item{{SKU: "lamp", Available: 5}, {SKU: "mug", Available: 7}, {SKU: "vase"}})
		if err != nil {
			t.Fatal(err)
		}
		s.wantStock(t, stock.Item{SKU: "bulb", Available: 10}, stock.Item{SKU: "lamp", Available: 3, Reserved: 2},
			stock.Item{SKU: "mug", Available: 7}, stock.Item{SKU: "vase"})
	}
}

func (s suite) set(t *testing.T) {
	s.fill(t)
	s.insert(t, stock.Reservation{OrderID: "o", State: stock.Reserved, Lines: []stock.Line{{SKU: "lamp", Quantity: 2}}})
	for _, want := range []stock.Item{{SKU: "lamp", Available: 100, Reserved: 2}, {SKU: "mug", Available: 7}, {SKU: "mug"}} {
		got, err := s.store.SetAvailable(t.Context(), want.SKU, want.Available)
		if err != nil || got != want {
			t.Errorf("%+v, error %v, want %+v", got, err, want)
		}
		if got, err := s.store.Item(t.Context(), want.SKU); err != nil || got != want {
			t.Errorf("read again: %+v, error %v, want %+v", got, err, want)
		}
	}
}

func (s suite) list(t *testing.T) {
	s.fill(t)
	if _, err := s.store.SetAvailable(t.Context(), "cable", 1); err != nil {
		t.Fatal(err)
	}
	s.wantStock(t, stock.Item{SKU: "bulb", Available: 10}, stock.Item{SKU: "cable", Available: 1}, stock.Item{SKU: "lamp", Available: 5})
	got, err := s.store.Items(t.Context(), "bulb", 1)
	if diff := cmp.Diff([]stock.Item{{SKU: "cable", Available: 1}}, got); diff != "" || err != nil {
		t.Errorf("second page of one: %v (-want +got):\n%s", err, diff)
	}
}

func (s suite) unknown(t *testing.T) {
	if _, err := s.store.Item(t.Context(), "lamp"); !errors.Is(err, stock.ErrNotFound) {
		t.Errorf("item: %v, want ErrNotFound", err)
	}
	if _, err := s.store.Reservation(t.Context(), "o"); !errors.Is(err, stock.ErrNotFound) {
		t.Errorf("reservation: %v, want ErrNotFound", err)
	}
}

func (s suite) lock(t *testing.T) {
	s.fill(t)
	s.transaction(t, func(ctx context.Context, tx *store.Tx) error {
		got, err := s.store.Lock(ctx, tx.DB, []stock.Line{{SKU: "lamp", Quantity: 1}, {SKU: "mug", Quantity: 1}})
		if diff := cmp.Diff(map[string]stock.Item{"lamp": {SKU: "lamp", Available: 5}}, got); diff != "" {
			t.Errorf("items (-want +got):\n%s", diff)
		}
		return err
	})
}

func (s suite) reserve(t *testing.T) {
	s.fill(t)
	lines := []stock.Line{{SKU: "bulb", Quantity: 10}, {SKU: "lamp", Quantity: 2}}
	r := stock.Reservation{OrderID: "o", State: stock.Reserved, Lines: lines}
	for _, first := range []bool{true, false} {
		if got := s.insert(t, r); got != first {
			t.Errorf("inserted %v, want %v", got, first)
		}
		s.wantStock(t, stock.Item{SKU: "bulb", Reserved: 10}, stock.Item{SKU: "lamp", Available: 3, Reserved: 2})
		s.wantReservation(t, r)
	}
	r.State = stock.Cancelled
	for _, want := range [][]stock.Line{lines, nil} {
		if diff := cmp.Diff(want, s.cancel(t, "o")); diff != "" {
			t.Errorf("released (-want +got):\n%s", diff)
		}
		s.wantStock(t, stock.Item{SKU: "bulb", Available: 10}, stock.Item{SKU: "lamp", Available: 5})
		s.wantReservation(t, r)
	}
}

func (s suite) reject(t *testing.T) {
	s.fill(t)
	r := stock.Reservation{OrderID: "o", State: stock.Rejected, Reason: "unknown_sku: lamb"}
	if !s.insert(t, r) {
		t.Error("not inserted")
	}
	if released := s.cancel(t, "o"); released != nil {
		t.Errorf("released %v", released)
	}
	s.wantReservation(t, r)
	s.wantStock(t, stock.Item{SKU: "bulb", Available: 10}, stock.Item{SKU: "lamp", Available: 5})
}

func (s suite) tombstone(t *testing.T) {
	s.fill(t)
	if released := s.cancel(t, "o"); released != nil {
		t.Errorf("released %v", released)
	}
	if s.insert(t, stock.Reservation{OrderID: "o", State: stock.Reserved, Lines: []stock.Line{{SKU: "lamp", Quantity: 2}}}) {
		t.Error("reserved in spite of the tombstone")
	}
	s.wantReservation(t, stock.Reservation{OrderID: "o", State: stock.Cancelled})
	s.wantStock(t, stock.Item{SKU: "bulb", Available: 10}, stock.Item{SKU: "lamp", Available: 5})
}

// The database is the last resort, should a decision have been wrong.
func (s suite) negative(t *testing.T) {
	s.fill(t)
	err := s.outbox.Transaction(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := s.store.Insert(ctx, tx, stock.Reservation{
			OrderID: "o", State: stock.Reserved, Lines: []stock.Line{{SKU: "lamp", Quantity: 6}},
		})
		return err
	})
	if err == nil {
		t.Error("six of five lamps were reserved")
	}
	s.wantStock(t, stock.Item{SKU: "bulb", Available: 10}, stock.Item{SKU: "lamp", Available: 5})
}
