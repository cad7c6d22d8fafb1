package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/trace/noop"

	"example.com/clew/services/inventory/internal/stock"
	"example.com/clew/services/inventory/internal/store"
	"example.com/clew/services/inventory/internal/store/migrations"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/services/messaging/outbox"
)

func TestWhatBecameOfStockIsCountedOnce(t *testing.T) {
	messagingtest.EachDatabase(t, func(t *testing.T, url string) {
		db, err := database.Open(t.Context(), url, migrations.FS, noop.NewTracerProvider(), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		registry := prometheus.NewRegistry()
		s := suite{db, store.New(db, registry), outbox.New(db, db.System(), messaging.New(nil, messaging.Config{}))}
		s.fill(t)
		reserve := func(orderID string) stock.Reservation {
			return stock.Reservation{OrderID: orderID, State: stock.Reserved, Lines: []stock.Line{{SKU: "lamp", Quantity: 1}}}
		}
		for _, orderID := range []string{"a", "b", "c"} {
			s.insert(t, reserve(orderID))
			s.insert(t, reserve(orderID)) // as a redelivery would
		}
		s.insert(t, stock.Reservation{OrderID: "d", State: stock.Rejected})
		s.insert(t, stock.Reservation{OrderID: "e", State: stock.Rejected})
		for _, orderID := range []string{"a", "a", "d", "overtakes", "overtakes"} {
			s.cancel(t, orderID)
		}
		s.insert(t, reserve("overtakes"))
		cause := errors.New("no")
		err = s.outbox.Transaction(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, inserted := s.store.Insert(ctx, tx, reserve("f"))
			_, cancelled := s.store.Cancel(ctx, tx, "b")
			return errors.Join(inserted, cancelled, cause)
		})
		if !errors.Is(err, cause) {
			t.Fatal(err)
		}
		want := `
			# HELP stock_reservations_total Orders whose stock was reserved, rejected, released after a cancellation, or cancelled before it was reserved.
			# TYPE stock_reservations_total counter
			stock_reservations_total{outcome="cancelled"} 1
			stock_reservations_total{outcome="rejected"} 2
			stock_reservations_total{outcome="released"} 1
			stock_reservations_total{outcome="reserved"} 3
		`
		if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
	})
}
