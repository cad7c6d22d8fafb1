// Package store keeps stock and reservations in a database. Methods that change reservations take the caller's transaction, in
// which the caller also creates the event of the change. Metrics count a change once the transaction has committed.
package store

import (
	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"example.com/clew/services/inventory/internal/stock"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/inbox"
	"example.com/clew/services/messaging/outbox"
)

// A Tx is a GORM transaction that can create messages.
type Tx = outbox.Tx[*gorm.DB]

// An Outbox takes the messages of transactions.
type Outbox = outbox.Outbox[*gorm.DB]

// An Inbox records which events were processed.
type Inbox = inbox.Inbox[*gorm.DB]

// A Store reads and writes stock.
type Store struct {
	db              *database.DB
	instrumentation instrumentation
}

// New returns the store of a database that has the tables of package migrations. It registers its metrics with reg, if that is
// not nil.
func New(db *database.DB, reg prometheus.Registerer) *Store {
	return &Store{db, newInstrumentation(reg)}
}

// The migrations explain the columns.
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
