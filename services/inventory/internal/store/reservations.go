package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"example.com/clew/services/inventory/internal/stock"
	"example.com/clew/services/messaging/database"
)

// Lock returns the existing items of the lines, by SKU, and locks them for the transaction. It locks in the order of the SKUs,
// so that transactions never deadlock. (SQLite needs no lock: it has one writer.)
func (s *Store) Lock(ctx context.Context, tx *gorm.DB, lines []stock.Line) (map[string]stock.Item, error) {
	skus := make([]any, len(lines))
	for i, line := range lines {
		skus[i] = line.SKU
	}
	query := "SELECT sku, available, reserved FROM stock WHERE sku IN " + database.Places(1, len(skus)) + " ORDER BY sku"
	if s.db.System() == "postgresql" {
		query += " FOR UPDATE"
	}
	items := make(map[string]stock.Item, len(lines))
	err := s.db.Query(ctx, tx, func(scan func(...any) error) error {
		var item stock.Item
		err := scan(&item.SKU, &item.Available, &item.Reserved)
		items[item.SKU] = item
		return err
	}, query, skus...)
	if err != nil {
		return nil, fmt.Errorf("lock stock: %w", err)
	}
	return items, nil
}

// Insert writes a reservation and takes its units from the stock, which the caller has locked. It reports whether it did: if
// the order has a reservation already, perhaps the tombstone of its cancellation, nothing changes.
func (s *Store) Insert(ctx context.Context, tx *Tx, r stock.Reservation) (bool, error) {
	first, err := s.insertReservation(ctx, tx.DB, reservationRow{r.OrderID, r.State, r.Reason})
	if err != nil || !first {
		return false, err
	}
	tx.OnCommit(s.instrumentation[string(r.State)].Inc)
	if r.State != stock.Reserved {
		return true, nil
	}
	var values []any
	for _, line := range r.Lines {
		values = append(values, r.OrderID, line.SKU, line.Quantity)
	}
	_, err = s.db.Exec(ctx, tx.DB, "INSERT INTO reservation_items (order_id, sku, quantity) VALUES "+
		database.Places(len(r.Lines), 3), values...)
	if err != nil {
		return false, fmt.Errorf("write items of reservation %s: %w", r.OrderID, err)
	}
	_, err = s.db.Exec(ctx, tx.DB, `
		UPDATE stock SET available = stock.available - r.quantity, reserved = stock.reserved + r.quantity
		FROM reservation_items AS r WHERE r.order_id = $1 AND r.sku = stock.sku`, r.OrderID)
	if err != nil {
		return false, fmt.Errorf("reserve stock for %s: %w", r.OrderID, err)
	}
	return true, nil
}

// Cancel cancels an order's reservation, and releases and returns its units. If the reservation was rejected or cancelled
// before, nothing changes and there are none. An order without a reservation gets a cancelled one, the tombstone, so that its
// creation reserves nothing when it arrives.
func (s *Store) Cancel(ctx context.Context, tx *Tx, orderID string) ([]stock.Line, error) {
	tombstone, err := s.insertReservation(ctx, tx.DB, reservationRow{orderID, stock.Cancelled, ""})
	if err != nil {
		return nil, err
	}
	if tombstone {
		tx.OnCommit(s.instrumentation[outcomeCancelled].Inc)
		return nil, nil
	}
	lines, err := linesOf(ctx, tx.DB, orderID)
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	// The stock before the reservation, in the same order as Insert: otherwise the two could deadlock.
	if _, err := s.Lock(ctx, tx.DB, lines); err != nil {
		return nil, err
	}
	result := tx.DB.WithContext(ctx).Exec("UPDATE reservations SET state = ? WHERE order_id = ? AND state = ?",
		stock.Cancelled, orderID, stock.Reserved)
	if result.Error != nil {
		return nil, fmt.Errorf("cancel reservation %s: %w", orderID, result.Error)
	}
	if result.RowsAffected == 0 {
		return nil, nil
	}
	err = tx.DB.WithContext(ctx).Exec(`
		UPDATE stock SET available = stock.available + r.quantity, reserved = stock.reserved - r.quantity
		FROM reservation_items AS r WHERE r.order_id = ? AND r.sku = stock.sku`, orderID).Error
	if err != nil {
		return nil, fmt.Errorf("release stock of %s: %w", orderID, err)
	}
	tx.OnCommit(s.instrumentation[outcomeReleased].Inc)
	return lines, nil
}

// Reservation returns the reservation of an order, or stock.ErrNotFound.
func (s *Store) Reservation(ctx context.Context, orderID string) (stock.Reservation, error) {
	row, err := gorm.G[reservationRow](s.db.Read).Where("order_id = ?", orderID).Take(ctx)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return stock.Reservation{}, stock.ErrNotFound
	}
	if err != nil {
		return stock.Reservation{}, fmt.Errorf("read reservation %s: %w", orderID, err)
	}
	lines, err := linesOf(ctx, s.db.Read, orderID)
	return stock.Reservation{OrderID: row.OrderID, State: row.State, Reason: row.Reason, Lines: lines}, err
}

// insertReservation writes the reservation if the order has none, and reports whether it did. It waits for another transaction
// that is about to write one.
func (s *Store) insertReservation(ctx context.Context, tx *gorm.DB, row reservationRow) (bool, error) {
	written, err := s.db.Exec(ctx, tx, "INSERT INTO reservations (order_id, state, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
		row.OrderID, string(row.State), row.Reason)
	if err != nil {
		return false, fmt.Errorf("write reservation %s: %w", row.OrderID, err)
	}
	return written == 1, nil
}

func linesOf(ctx context.Context, db *gorm.DB, orderID string) ([]stock.Line, error) {
	rows, err := gorm.G[lineRow](db).Where("order_id = ?", orderID).Order("sku").Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read items of reservation %s: %w", orderID, err)
	}
	var lines []stock.Line
	for _, row := range rows {
		lines = append(lines, stock.Line{SKU: row.SKU, Quantity: row.Quantity})
	}
	return lines, nil
}
