// Package store keeps orders in a database. Methods that change orders take the caller's transaction, in which the caller also
// creates the event of the change. Metrics count a change once the transaction has committed.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/inbox"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/order/internal/order"
)

// A Tx is a GORM transaction that can create messages.
type Tx = outbox.Tx[*gorm.DB]

// An Outbox takes the messages of transactions.
type Outbox = outbox.Outbox[*gorm.DB]

// An Inbox records which events were processed.
type Inbox = inbox.Inbox[*gorm.DB]

// A Store reads and writes orders.
type Store struct {
	db              *database.DB
	instrumentation instrumentation
}

// New returns the store of a database that has the tables of package migrations. It registers its metrics with reg, if that is
// not nil.
func New(db *database.DB, reg prometheus.Registerer) *Store {
	return &Store{db, newInstrumentation(reg)}
}

// Insert writes a new order.
func (s *Store) Insert(ctx context.Context, tx *Tx, o order.Order) error {
	_, err := s.db.Exec(ctx, tx.DB, `
		INSERT INTO orders (id, customer_id, status, reason, currency, total_cents, trace_id, created_at, finished_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)`,
		o.ID, o.CustomerID, string(o.Status), o.Reason, o.Currency, o.TotalCents, o.TraceID, o.CreatedAt.UnixMicro())
	if err != nil {
		return fmt.Errorf("write order %s: %w", o.ID, err)
	}
	var values []any
	for i, item := range o.Items {
		values = append(values, o.ID, i, item.SKU, item.Quantity, item.UnitPriceCents)
	}
	_, err = s.db.Exec(ctx, tx.DB, "INSERT INTO order_items (order_id, position, sku, quantity, unit_price_cents) VALUES "+
		database.Places(len(o.Items), 5), values...)
	if err != nil {
		return fmt.Errorf("write items of order %s: %w", o.ID, err)
	}
	tx.OnCommit(s.instrumentation.accepted.Inc)
	return nil
}

// Change gives an order the status to, with a reason, and reports whether it did: an order that is unknown, or whose status
// does not allow it, stays as it is. An order that leaves pending does so at now, which also decides its verdict.
func (s *Store) Change(
	ctx context.Context, tx *Tx, id string, to order.Status, reason string, now time.Time,
) (bool, error) {
	from := to.From()
	if len(from) == 0 {
		return false, nil
	}
	args := []any{string(to), reason, now.UnixMicro(), late(now), string(to.InTime()), id}
	for _, status := range from {
		args = append(args, string(status))
	}
	var changed []orderRow
	err := s.db.Query(ctx, tx.DB, func(scan func(...any) error) error {
		var row orderRow
		err := scan(&row.CreatedAt, &row.FinishedAt, &row.TraceID)
		changed = append(changed, row)
		return err
	}, `
		UPDATE orders SET status = $1, reason = $2,
			finished_at = CASE finished_at WHEN 0 THEN $3 ELSE finished_at END,
			objective = CASE WHEN objective <> '' THEN objective WHEN created_at < $4 THEN 'bad' ELSE $5 END
		WHERE id = $6 AND status IN (`+database.PlacesFrom(7, len(from))+`)
		RETURNING created_at, finished_at, trace_id`, args...)
	if err != nil {
		return false, fmt.Errorf("change order %s to %s: %w", id, to, err)
	}
	for _, row := range changed {
		if row.FinishedAt == now.UnixMicro() {
			tx.OnCommit(func() { s.instrumentation.finish(ctx, to, row) })
		}
	}
	return len(changed) == 1, nil
}

// Order returns the order with that id, or order.ErrNotFound.
func (s *Store) Order(ctx context.Context, id string) (order.Order, error) {
	head, err := gorm.G[orderRow](s.db.Read).Where("id = ?", id).Take(ctx)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return order.Order{}, order.ErrNotFound
	}
	if err != nil {
		return order.Order{}, fmt.Errorf("read order %s: %w", id, err)
	}
	orders, err := s.withItems(ctx, []orderRow{head})
	if err != nil {
		return order.Order{}, err
	}
	return orders[0], nil
}

// A Filter selects orders. Its zero values select all.
type Filter struct {
	CustomerID string
	Status     order.Status
	Before     string // only orders accepted before the one with this id
	Limit      int    // most orders, at least 1
}

// Orders returns the orders that the filter selects, the newest first.
func (s *Store) Orders(ctx context.Context, f Filter) ([]order.Order, error) {
	query := gorm.G[orderRow](s.db.Read).Order("id DESC").Limit(f.Limit)
	if f.CustomerID != "" {
		query = query.Where("customer_id = ?", f.CustomerID)
	}
	if f.Status != "" {
		query = query.Where("status = ?", f.Status)
	}
	if f.Before != "" {
		query = query.Where("id < ?", f.Before)
	}
	heads, err := query.Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list orders: %w", err)
	}
	return s.withItems(ctx, heads)
}

// withItems adds the items to the orders, with one statement for all.
func (s *Store) withItems(ctx context.Context, heads []orderRow) ([]order.Order, error) {
	ids := make([]string, len(heads))
	for i, head := range heads {
		ids[i] = head.ID
	}
	rows, err := gorm.G[itemRow](s.db.Read).Where("order_id IN ?", ids).Order("order_id, position").Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read items of orders: %w", err)
	}
	items := map[string][]order.Item{}
	for _, row := range rows {
		items[row.OrderID] = append(items[row.OrderID], order.Item{
			SKU: row.SKU, Quantity: row.Quantity, UnitPriceCents: row.UnitPriceCents,
		})
	}
	orders := make([]order.Order, len(heads))
	for i, head := range heads {
		orders[i] = head.order(items[head.ID])
	}
	return orders, nil
}
