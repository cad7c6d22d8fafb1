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
	head, items := rowsOf(o)
	if err := gorm.G[orderRow](tx.DB).Create(ctx, &head); err != nil {
		return fmt.Errorf("write order %s: %w", o.ID, err)
	}
	if err := gorm.G[itemRow](tx.DB).CreateInBatches(ctx, &items, len(items)); err != nil {
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
	var changed orderRow
	result := tx.DB.WithContext(ctx).Raw(`
		UPDATE orders SET status = ?, reason = ?,
			finished_at = CASE finished_at WHEN 0 THEN ? ELSE finished_at END,
			objective = CASE WHEN objective <> '' THEN objective WHEN created_at < ? THEN 'bad' ELSE ? END
		WHERE id = ? AND status IN ? RETURNING created_at, finished_at, trace_id`,
		to, reason, now.UnixMicro(), late(now), to.InTime(), id, to.From()).Scan(&changed)
	if result.Error != nil {
		return false, fmt.Errorf("change order %s to %s: %w", id, to, result.Error)
	}
	if result.RowsAffected == 1 && changed.FinishedAt == now.UnixMicro() {
		tx.OnCommit(func() { s.instrumentation.finish(ctx, to, changed) })
	}
	return result.RowsAffected == 1, nil
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
