// Package store keeps orders in a database. What changes rows takes the transaction to do it in, so that the caller
// can leave the event of the change in the same one.
package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"example.com/clew/services/messaging/database"
	"example.com/clew/services/order/internal/order"
)

// A Store reads and writes orders.
type Store struct{ db *database.DB }

// New returns the store in a database that has the tables of migrations.
func New(db *database.DB) *Store { return &Store{db} }

// Insert writes a new order.
func (s *Store) Insert(ctx context.Context, tx *gorm.DB, o order.Order) error {
	head, items := rowsOf(o)
	if err := gorm.G[orderRow](tx).Create(ctx, &head); err != nil {
		return fmt.Errorf("write order %s: %w", o.ID, err)
	}
	if err := gorm.G[itemRow](tx).CreateInBatches(ctx, &items, len(items)); err != nil {
		return fmt.Errorf("write items of order %s: %w", o.ID, err)
	}
	return nil
}

// Change gives an order the status to, with the reason, if its status allows that. It reports whether it did: an order
// that is unknown or already decided stays as it is.
func (s *Store) Change(ctx context.Context, tx *gorm.DB, id string, to order.Status, reason string) (bool, error) {
	result := tx.WithContext(ctx).Exec("UPDATE orders SET status = ?, reason = ? WHERE id = ? AND status IN ?",
		to, reason, id, to.From())
	if result.Error != nil {
		return false, fmt.Errorf("change order %s to %s: %w", id, to, result.Error)
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
	Limit      int    // at most so many, 1 or more
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

// withItems adds to each order its items, which one statement reads for all of them.
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
