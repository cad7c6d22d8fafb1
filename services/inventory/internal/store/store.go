// Package store keeps stock and reservations in a database. What a reservation changes takes the transaction to do it
// in, so that the caller can leave the event of the change in the same one.
package store

import (
	"example.com/clew/services/inventory/internal/stock"
	"example.com/clew/services/messaging/database"
)

// A Store reads and writes stock.
type Store struct{ db *database.DB }

// New returns the store in a database that has the tables of migrations.
func New(db *database.DB) *Store { return &Store{db} }

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
