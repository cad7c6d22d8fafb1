package contracts

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode"
)

// The bounds of an order, the same at the API and in the events.
const (
	MaxItems    = 1_000
	MaxQuantity = 1_000_000
	MaxIDLength = 64 // of an order's or a customer's id and of a SKU, in characters
)

// Validate reports the first thing that makes the event unusable.
func (e OrderCreated) Validate() error {
	if err := requireOrderID(e.OrderID); err != nil {
		return err
	}
	if err := ValidName("customer_id", e.CustomerID); err != nil {
		return err
	}
	if err := ValidCurrency(e.Currency); err != nil {
		return err
	}
	total, err := Total(e.Items)
	if err != nil {
		return err
	}
	if total != e.TotalCents {
		return fmt.Errorf("total_cents is %d, but the items add up to %d", e.TotalCents, total)
	}
	return nil
}

// Validate reports the first thing that makes the event unusable.
func (e OrderCancelled) Validate() error { return requireOrderID(e.OrderID) }

// Validate reports the first thing that makes the event unusable.
func (e OrderConfirmed) Validate() error { return requireOrderID(e.OrderID) }

// Validate reports the first thing that makes the event unusable.
func (e OrderRejected) Validate() error { return requireReason(e.OrderID, e.Reason) }

// Validate reports the first thing that makes the event unusable.
func (e StockReserved) Validate() error { return requireQuantities(e.OrderID, e.Items) }

// Validate reports the first thing that makes the event unusable.
func (e StockRejected) Validate() error { return requireReason(e.OrderID, e.Reason) }

// Validate reports the first thing that makes the event unusable.
func (e StockReleased) Validate() error { return requireQuantities(e.OrderID, e.Items) }

// ValidName checks an order's or a customer's id or a SKU: 1 to 64 of the characters A-Z a-z 0-9 . _ -
// The error names the field.
func ValidName(field, name string) error {
	if name == "" || len(name) > MaxIDLength {
		return fmt.Errorf("%s has %d characters, expected 1 to %d", field, len(name), MaxIDLength)
	}
	for _, c := range []byte(name) {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return fmt.Errorf("%s has the character %q, expected only A-Z a-z 0-9 . _ -", field, c)
		}
	}
	return nil
}

// ValidCurrency checks that a currency is three capital letters.
func ValidCurrency(currency string) error {
	if len(currency) != 3 {
		return fmt.Errorf("currency %q, expected three capital letters", currency)
	}
	for _, c := range []byte(currency) {
		if c < 'A' || c > 'Z' {
			return fmt.Errorf("currency %q, expected three capital letters", currency)
		}
	}
	return nil
}

// Total checks each item and adds their prices up, in cents. It is an error if the sum exceeds an int64.
func Total(items []Item) (int64, error) {
	if len(items) == 0 || len(items) > MaxItems {
		return 0, fmt.Errorf("items has %d entries, expected 1 to %d", len(items), MaxItems)
	}
	var total int64
	for i, item := range items {
		if err := ValidName(fmt.Sprintf("items[%d].sku", i), item.SKU); err != nil {
			return 0, err
		}
		if item.Quantity < 1 || item.Quantity > MaxQuantity {
			return 0, fmt.Errorf("items[%d].quantity is %d, expected 1 to %d", i, item.Quantity, MaxQuantity)
		}
		if item.UnitPriceCents < 0 {
			return 0, fmt.Errorf("items[%d].unit_price_cents is %d, expected 0 or more", i, item.UnitPriceCents)
		}
		if item.UnitPriceCents > (math.MaxInt64-total)/item.Quantity {
			return 0, fmt.Errorf("items[%d]: the total exceeds %d cents", i, int64(math.MaxInt64))
		}
		total += item.Quantity * item.UnitPriceCents
	}
	return total, nil
}

func requireOrderID(id string) error { return ValidName("order_id", id) }

func requireReason(id, reason string) error {
	if reason == "" {
		return errors.New("reason is empty")
	}
	if strings.ContainsFunc(reason, unicode.IsControl) { // a zero byte is what Postgres cannot keep
		return fmt.Errorf("reason is %q, expected text without control characters", reason)
	}
	return requireOrderID(id)
}

func requireQuantities(id string, items []Quantity) error {
	if len(items) == 0 {
		return errors.New("items is empty")
	}
	for i, item := range items {
		if err := ValidName(fmt.Sprintf("items[%d].sku", i), item.SKU); err != nil {
			return err
		}
		if item.Quantity < 1 {
			return fmt.Errorf("items[%d].quantity is %d, expected 1 or more", i, item.Quantity)
		}
	}
	return requireOrderID(id)
}
