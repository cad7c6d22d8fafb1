package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// keyRetention is the shortest time for which a request can be repeated.
const keyRetention = 24 * time.Hour

// ErrKeyTaken is the error for an idempotency key that another request has used.
var ErrKeyTaken = errors.New("idempotency key is taken")

// A Key is an idempotency key and the order that was accepted under it.
type Key struct {
	Key       string `gorm:"primaryKey"`
	BodyHash  string // of the request's body: another body needs another key
	OrderID   string
	CreatedAt int64 `gorm:"autoCreateTime:false"` // microseconds; InsertKey sets it
}

// TableName tells GORM the table.
func (Key) TableName() string { return "idempotency_keys" }

// InsertKey reserves a key for an order. If another transaction is about to take the same key, InsertKey waits for it, and
// returns ErrKeyTaken if it commits.
func (s *Store) InsertKey(ctx context.Context, tx *gorm.DB, key Key) error {
	key.CreatedAt = time.Now().UnixMicro()
	result := gorm.WithResult()
	err := gorm.G[Key](tx, clause.OnConflict{DoNothing: true}, result).Create(ctx, &key)
	if err != nil {
		return fmt.Errorf("write idempotency key: %w", err)
	}
	if result.RowsAffected == 0 {
		return ErrKeyTaken
	}
	return nil
}

// Key returns the Key with this key, and whether it exists.
func (s *Store) Key(ctx context.Context, key string) (Key, bool, error) {
	row, err := gorm.G[Key](s.db.Read).Where("key = ?", key).Take(ctx)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Key{}, false, nil
	}
	if err != nil {
		return Key{}, false, fmt.Errorf("read idempotency key: %w", err)
	}
	return row, true, nil
}

// PurgeKeys deletes the keys that were taken more than 24 h ago.
func (s *Store) PurgeKeys(ctx context.Context) error {
	return s.db.Purge(ctx, "idempotency_keys", "key", "created_at", time.Now().Add(-keyRetention))
}
