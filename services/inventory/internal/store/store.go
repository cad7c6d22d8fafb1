// Package store keeps stock and reservations in a database. What a reservation changes takes the transaction to do it
// in, so that the caller can leave the event of the change in the same one; it is counted once that has committed.
package store

import (
	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"example.com/clew/services/inventory/internal/stock"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/inbox"
	"example.com/clew/services/messaging/outbox"
)

// A Tx is a transaction of GORM's that can leave messages.
type Tx = outbox.Tx[*gorm.DB]

// An Outbox is where transactions leave their messages.
type Outbox = outbox.Outbox[*gorm.DB]

// An Inbox knows which events were processed.
type Inbox = inbox.Inbox[*gorm.DB]

// A Store reads and writes stock.
type Store struct {
	db              *database.DB
	instrumentation instrumentation
}

// New returns the store in a database that has the tables of migrations. Its metrics are registered with reg, if that
// is not nil.
func New(db *database.DB, reg prometheus.Registerer) *Store {
	return &Store{db, newInstrumentation(reg)}
}

// The rows' columns are explained in migrations.
type itemRow struct {
	SKU       string `gorm:"primaryKey"`
	Available int64
	Reserved  int64
}

type reservationRow struct {
	OrderID string `gorm:"primaryKey"`
	State   stock.State
	Reason  string
}

type lineRow struct {
	OrderID  string
	SKU      string
	Quantity int64
}

// TableName tells GORM the table.
func (itemRow) TableName() string { return "stock" }

// TableName tells GORM the table.
func (reservationRow) TableName() string { return "reservations" }

// TableName tells GORM the table.
func (lineRow) TableName() string { return "reservation_items" }
