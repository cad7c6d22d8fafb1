package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// Available returns the available units of the SKUs that exist.
func (s *Store) Available(ctx context.Context, skus []string) (map[string]int64, error) {
	rows, err := gorm.G[itemRow](s.db.Read).Where("sku IN ?", skus).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read available stock: %w", err)
	}
	available := make(map[string]int64, len(rows))
	for _, row := range rows {
		available[row.SKU] = row.Available
	}
	return available, nil
}
