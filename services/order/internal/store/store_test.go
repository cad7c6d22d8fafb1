package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/services/order/internal/order"
	"example.com/clew/services/order/internal/store"
	"example.com/clew/services/order/internal/store/migrations"
)

func TestStore(t *testing.T) {
	for name, test := range map[string]func(suite, *testing.T){
		"an order is read as it was written":        suite.roundTrip,
		"an unknown order is not found":             suite.unknown,
		"a status changes only the ways it may":     suite.changes,
		"orders are listed newest first, by filter": suite.list,
		"a key is taken once":                       suite.keys,
		"a key is forgotten after a day":            suite.purgeKeys,
		"a rolled back order was never there":       suite.rollBack,
	} {
		t.Run(name, func(t *testing.T) {
			messagingtest.EachDatabase(t, func(t *testing.T, url string) { test(openSuite(t, url, migrations.FS, nil), t) })
		})
	}
}

// A suite is one test's database.
type suite struct {
	db     *database.DB
	store  *store.Store
	outbox *store.Outbox
}

// transaction fails the test if fn or the commit does.
func (s suite) transaction(t *testing.T, fn func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	if err := s.outbox.Transaction(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// insert writes an order that differs from others by its number.
func (s suite) insert(t *testing.T, n int, change func(*order.Order)) order.Order {
	t.Helper()
	o := order.Order{
		ID: fmt.Sprintf("order-%03d", n), CustomerID: "ada", Status: order.Pending, Currency: "EUR", TotalCents: 9980,
		Items: []order.Item{
			{SKU: "lamp", Quantity: 2, UnitPriceCents: 4990},
			{SKU: "bulb", Quantity: int64(n) + 1, UnitPriceCents: 0},
			{SKU: "lamp", Quantity: 1, UnitPriceCents: 0},
		},
		TraceID: "0af7651916cd43dd8448eb211c80319c", CreatedAt: time.Date(2026, 11, 21, 9, 30, 0, 123456000, time.UTC),
	}
	if change != nil {
		change(&o)
	}
	s.transaction(t, func(ctx context.Context, tx *store.Tx) error { return s.store.Insert(ctx, tx, o) })
	return o
}

func (s suite) roundTrip(t *testing.T) {
	s.insert(t, 1, nil)
	want := s.insert(t, 2, func(o *order.Order) { o.TotalCents = 1<<63 - 1 })
	got, err := s.store.Order(t.Context(), want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func (s suite) unknown(t *testing.T) {
	if _, err := s.store.Order(t.Context(), "nobody's"); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
	s.transaction(t, func(ctx context.Context, tx *store.Tx) error {
		changed, err := s.store.Change(ctx, tx, "nobody's", order.Cancelled, "", time.Now())
		if changed {
			t.Error("an unknown order was changed")
		}
		return err
	})
}

func (s suite) changes(t *testing.T) {
	n := 0
	for from, allowed := range map[order.Status]map[order.Status]bool{
		order.Pending:   {order.Confirmed: true, order.Rejected: true, order.Cancelled: true},
		order.Confirmed: {order.Cancelled: true},
		order.Rejected:  {},
		order.Cancelled: {},
	} {
		for _, to := range []order.Status{order.Pending, order.Confirmed, order.Rejected, order.Cancelled} {
			n++
			before := s.insert(t, n, func(o *order.Order) { o.Status = from })
			s.transaction(t, func(ctx context.Context, tx *store.Tx) error {
				changed, err := s.store.Change(ctx, tx, before.ID, to, "because", time.Now())
				if changed != allowed[to] {
					t.Errorf("%s to %s: changed %v", from, to, changed)
				}
				return err
			})
			want := before
			if allowed[to] {
				want.Status, want.Reason = to, "because"
			}
			got, err := s.store.Order(t.Context(), before.ID)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s to %s: %v (-want +got):\n%s", from, to, err, diff)
			}
		}
	}
}

func (s suite) list(t *testing.T) {
	for n := range 6 {
		s.insert(t, n, func(o *order.Order) {
			o.CustomerID = []string{"ada", "bob"}[n%2]
			o.Status = []order.Status{order.Pending, order.Confirmed, order.Rejected}[n/2]
		})
	}
	for _, test := range []struct {
		name   string
		filter store.Filter
		want   []string
	}{
		{"all", store.Filter{Limit: 10}, []string{"order-005", "order-004", "order-003", "order-002", "order-001", "order-000"}},
		{"limit", store.Filter{Limit: 2}, []string{"order-005", "order-004"}},
		{"before", store.Filter{Limit: 2, Before: "order-004"}, []string{"order-003", "order-002"}},
		{"customer", store.Filter{Limit: 10, CustomerID: "bob"}, []string{"order-005", "order-003", "order-001"}},
		{"status", store.Filter{Limit: 10, Status: order.Pending}, []string{"order-001", "order-000"}},
		{"everything", store.Filter{Limit: 10, CustomerID: "ada", Status: order.Confirmed, Before: "order-003"}, []string{"order-002"}},
		{"nothing", store.Filter{Limit: 10, CustomerID: "eve"}, []string{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			orders, err := s.store.Orders(t.Context(), test.filter)
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, o := range orders {
				got = append(got, o.ID)
				if len(o.Items) != 3 {
					t.Errorf("%s has %d items", o.ID, len(o.Items))
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}

func (s suite) keys(t *testing.T) {
	if _, found, err := s.store.Key(t.Context(), "basket"); found || err != nil {
		t.Errorf("before: found %v, error %v", found, err)
	}
	s.transaction(t, func(ctx context.Context, tx *store.Tx) error {
		return s.store.InsertKey(ctx, tx.DB, store.Key{Key: "basket", BodyHash: "h1", OrderID: "o1"})
	})
	s.transaction(t, func(ctx context.Context, tx *store.Tx) error {
		if err := s.store.InsertKey(ctx, tx.DB, store.Key{Key: "basket", BodyHash: "h2", OrderID: "o2"}); !errors.Is(err, store.ErrKeyTaken) {
			t.Errorf("again: error %v, want ErrKeyTaken", err)
		}
		return nil
	})
	key, found, err := s.store.Key(t.Context(), "basket")
	if err != nil || !found || key.BodyHash != "h1" || key.OrderID != "o1" || key.CreatedAt == 0 {
		t.Errorf("after: %+v, found %v, error %v", key, found, err)
	}
}

func (s suite) purgeKeys(t *testing.T) {
	for name, age := range map[string]time.Duration{"old": 24*time.Hour + time.Minute, "young": 24*time.Hour - time.Minute} {
		s.transaction(t, func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(s.store.InsertKey(ctx, tx.DB, store.Key{Key: name}),
				tx.DB.Exec("UPDATE idempotency_keys SET created_at = ? WHERE key = ?", time.Now().Add(-age).UnixMicro(), name).Error)
		})
	}
	if err := s.store.PurgeKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"old": false, "young": true} {
		if _, found, err := s.store.Key(t.Context(), name); found != want || err != nil {
			t.Errorf("%s: found %v, error %v", name, found, err)
		}
	}
}

// Each replica purges, and may come across the keys in another order: one that waited for another could deadlock.
func TestAPurgeOfKeysWaitsForNobody(t *testing.T) {
	s := openSuite(t, messagingtest.Postgres(t), migrations.FS, nil)
	for _, name := range []string{"free", "locked"} {
		s.transaction(t, func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(s.store.InsertKey(ctx, tx.DB, store.Key{Key: name}),
				tx.DB.Exec("UPDATE idempotency_keys SET created_at = 1").Error)
		})
	}
	s.transaction(t, func(ctx context.Context, tx *store.Tx) error {
		err := tx.DB.Exec("SELECT key FROM idempotency_keys WHERE key = 'locked' FOR UPDATE").Error
		return errors.Join(err, s.store.PurgeKeys(ctx))
	})
	for name, want := range map[string]bool{"free": false, "locked": true} {
		if _, found, err := s.store.Key(t.Context(), name); found != want || err != nil {
			t.Errorf("%s: found %v, error %v", name, found, err)
		}
	}
}

func (s suite) rollBack(t *testing.T) {
	cause := errors.New("no")
	err := s.outbox.Transaction(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		o := order.Order{ID: "o", Status: order.Pending, Items: []order.Item{{SKU: "lamp", Quantity: 1}}}
		return errors.Join(s.store.Insert(ctx, tx, o), cause)
	})
	if !errors.Is(err, cause) {
		t.Fatal(err)
	}
	if _, err := s.store.Order(t.Context(), "o"); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
}
