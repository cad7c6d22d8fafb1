// Package stock says when units are set aside for an order. It knows no database, no HTTP and no messages.
package stock

import (
	"cmp"
	"errors"
	"slices"
)

// ErrNotFound is the error for a SKU or a reservation that does not exist.
var ErrNotFound = errors.New("not found")

// An Item is what there is of one SKU. Reserving moves units from Available to Reserved and releasing moves them back,
// so that their sum stays and neither is ever negative.
type Item struct {
	SKU       string
	Available int64
	Reserved  int64 // set aside for orders, confirmed ones included
}

// A Line is a number of units of one SKU.
type Line struct {
	SKU      string
	Quantity int64
}

// A Reservation is what became of the stock for one order. There is at most one for an order, and it keeps the order
// from being decided twice.
type Reservation struct {
	OrderID string
	State   State
	Reason  string // why it was rejected, else empty
	Lines   []Line // what is set aside, or was until it was cancelled
}

// A State is what a reservation stands at.
type State string

// A reservation is decided when the order's creation arrives. Cancelled is also what a cancellation leaves that arrives
// before the creation, which then reserves nothing.
const (
	Reserved  State = "reserved"
	Rejected  State = "rejected"
	Cancelled State = "cancelled"
)

// Sum returns the lines with one for each SKU, in the order of the SKUs, which is also the order in which stock is
// locked.
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

// Decide says whether the stock has all that an order needs: all of it is reserved or nothing. needs is a Sum; the
// reason names the first of its SKUs that stands in the way.
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
