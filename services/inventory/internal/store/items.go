package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"example.com/clew/services/inventory/internal/stock"
)

// Seed writes the items whose SKUs do not exist yet.
func (s *Store) Seed(ctx context.Context, items []stock.Item) error {
	rows := make([]itemRow, len(items))
	for i, item := range items {
		rows[i] = itemRow(item)
	}
	err := gorm.G[itemRow](s.db.Write, clause.OnConflict{DoNothing: true}).CreateInBatches(ctx, &rows, len(rows))
	if err != nil {
		return fmt.Errorf("seed stock: %w", err)
	}
	return nil
}

// SetAvailable sets the available units of a SKU, which it creates if needed, and returns the item. Reserved units stay.
func (s *Store) SetAvailable(ctx context.Context, sku string, available int64) (stock.Item, error) {
	var row itemRow
	// In a transaction, because a locked SQLite file makes its beginning fail.
	err := s.db.Write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		return tx.Raw(`
			INSERT INTO stock (sku, available, reserved) VALUES (?, ?, 0)
			ON CONFLICT (sku) DO UPDATE SET available = excluded.available RETURNING *`, sku, available).Scan(&row).Error
	})
	if err != nil {
		return stock.Item{}, fmt.Errorf("set stock of %s: %w", sku, err)
	}
	return stock.Item(row), nil
}

// Item returns the item of a SKU, or stock.ErrNotFound.
func (s *Store) Item(ctx context.Context, sku string) (stock.Item, error) {
	row, err := gorm.G[itemRow](s.db.Read).Where("sku = ?", sku).Take(ctx)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return stock.Item{}, stock.ErrNotFound
	}
	if err != nil {
		return stock.Item{}, fmt.Errorf("read stock of %s: %w", sku, err)
	}
	return stock.Item(row), nil
}

// Items returns at most limit items in the order of their SKUs, beginning after the SKU after.
func (s *Store) Items(ctx context.Context, after string, limit int) ([]stock.Item, error) {
	rows, err := gorm.G[itemRow](s.db.Read).Where("sku > ?", after).Order("sku").Limit(limit).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list stock: %w", err)
	}
	items := make([]stock.Item, len(rows))
	for i, row := range rows {
		items[i] = stock.Item(row)
	}
	return items, nil
}
