package objective

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/trace/noop"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/order/internal/order"
	"example.com/clew/services/order/internal/store"
	"example.com/clew/services/order/internal/store/migrations"
)

var accepted = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)

// newSweeper returns a sweeper of a database with one pending order.
func newSweeper(t *testing.T) (*Sweeper, *prometheus.Registry, *database.DB) {
	t.Helper()
	tp := noop.NewTracerProvider()
	db, err := database.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "order.db"), migrations.FS, tp, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	orders := store.New(db, nil)
	err = outbox.New(db, db.System(), messaging.New(nil, messaging.Config{Source: "/order", TracerProvider: tp})).Transaction(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		return orders.Insert(ctx, tx, order.Order{
			ID: "o", Status: order.Pending, CreatedAt: accepted, Items: []order.Item{{SKU: "lamp", Quantity: 1}},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	return NewSweeper(orders, registry), registry, db
}

func TestWhatASweeperReports(t *testing.T) {
	s, registry, db := newSweeper(t)
	report := func(bad, overdue int) string {
		return fmt.Sprintf(`
			# HELP orders_objective_total Orders counted for the objective, good or bad, by all replicas together.
			# TYPE orders_objective_total counter
			orders_objective_total{result="bad"} %d
			orders_objective_total{result="good"} 0
			# HELP orders_overdue Orders that have been pending for more than 5 s.
			# TYPE orders_overdue gauge
			orders_overdue %d
		`, bad, overdue)
	}
	rename := func(from, to string) {
		if err := db.Write.Exec("ALTER TABLE " + from + " RENAME TO " + to).Error; err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name   string
		do     func() error
		fails  bool
		report string
	}{
		{"before the first sweep", func() error { return nil }, false, ""},
		{"in time", func() error { return s.sweep(t.Context(), accepted.Add(5*time.Second)) }, false, report(0, 0)},
		{"late", func() error { return s.sweep(t.Context(), accepted.Add(6*time.Second)) }, false, report(1, 1)},
		{"after a failure nothing, and no zero", func() error {
			rename("orders_objective", "away")
			return s.sweep(t.Context(), accepted.Add(7*time.Second))
		}, true, ""},
		{"after its end", func() error {
			rename("away", "orders_objective")
			return s.sweep(t.Context(), accepted.Add(8*time.Second))
		}, false, report(1, 1)},
	} {
		if err := step.do(); (err != nil) != step.fails {
			t.Errorf("%s: error %v", step.name, err)
		}
		if err := testutil.GatherAndCompare(registry, strings.NewReader(step.report)); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}
}
