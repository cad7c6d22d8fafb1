// Package order defines an order and the changes that its status allows. It knows no database, no HTTP and no messages.
package order

import (
	"errors"
	"time"
)

// ErrNotFound is the error for an order that does not exist.
var ErrNotFound = errors.New("order not found")

// An Order has the items that a customer ordered, and its status.
type Order struct {
	ID         string // a UUIDv7, so that ids sort by the time of acceptance
	CustomerID string
	Status     Status
	Reason     string // why it was rejected, else empty
	Currency   string // ISO 4217
	TotalCents int64
	Items      []Item // 1 or more
	TraceID    string // of the request that was accepted, 32 hexadecimal digits; empty without one
	CreatedAt  time.Time
}

// An Item is one line of an order.
type Item struct {
	SKU            string
	Quantity       int64
	UnitPriceCents int64
}

// A Status is the state of an order.
type Status string

// An order is pending until inventory has answered. Rejected and cancelled are final.
const (
	Pending   Status = "pending"
	Confirmed Status = "confirmed"
	Rejected  Status = "rejected"
	Cancelled Status = "cancelled"
)

// From returns the statuses from which an order may change to s. From any other status the change comes too late: it is
// ignored, and is no error.
func (s Status) From() []Status {
	switch s {
	case Confirmed, Rejected:
		return []Status{Pending}
	case Cancelled:
		return []Status{Pending, Confirmed}
	default:
		return nil
	}
}
