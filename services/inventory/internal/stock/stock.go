// Package stock decides whether units are reserved for an order. It knows no database, no HTTP and no messages.
package stock

import (
	"cmp"
	"errors"
	"slices"
)

// ErrNotFound is the error for a SKU or a reservation that does not exist.
var ErrNotFound = errors.New("not found")

// An Item is the stock of one SKU. Reserving moves units from Available to Reserved and releasing moves them back. Neither is
// ever negative.
type Item struct {
	SKU       string
	Available int64
	Reserved  int64 // for orders, confirmed ones included
}

// A Line is a number of units of one SKU.
type Line struct {
	SKU      string
	Quantity int64
}

// A Reservation is the decision on one order. An order has at most one, so that it is not decided twice.
type Reservation struct {
	OrderID string
	State   State
	Reason  string // why it was rejected, else empty
	Lines   []Line // reserved units; those of a cancelled reservation are released
}

// A State is the state of a reservation.
type State string

// A reservation is decided when the order's creation arrives. If the cancellation arrives first, it leaves a cancelled
// reservation, and the creation reserves nothing.
const (
	Reserved  State = "reserved"
	Rejected  State = "rejected"
	Cancelled State = "cancelled"
)

// Sum merges the lines of each SKU. It returns them in the order of the SKUs, in which stock is also locked.
func Sum(lines []Line) []Line {
	sorted := slices.SortedFunc(slices.Values(lines), func(a, b Line) int { return cmp.Compare(a.SKU, b.SKU) })
	var sums []Line
	for _, line := range sorted {
		if last := len(sums) - 1; last >= 0 && sums[last].SKU == line.SKU {
			sums[last].Quantity += line.Quantity
		} else {
			sums = append(sums, line)
		}
	}
	return sums
}

// Decide reserves all units that an order needs, or none. needs must be a Sum. The reason of a rejection names the first SKU
// that is unknown or out of stock.
func Decide(orderID string, needs []Line, stock map[string]Item) Reservation {
	for _, need := range needs {
		item, known := stock[need.SKU]
		switch {
		case !known:
			return Reservation{OrderID: orderID, State: Rejected, Reason: "unknown_sku: " + need.SKU}
		case item.Available < need.Quantity:
			return Reservation{OrderID: orderID, State: Rejected, Reason: "out_of_stock: " + need.SKU}
		}
	}
	return Reservation{OrderID: orderID, State: Reserved, Lines: needs}
}
