package contracts

import (
	"math"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	created := func(change func(*OrderCreated)) OrderCreated {
		e := OrderCreated{
			OrderID: "o-1", CustomerID: "c.1_a-Z", Currency: "EUR", TotalCents: 250,
			Items: []Item{{SKU: "lamp", Quantity: 2, UnitPriceCents: 100}, {SKU: "mug", Quantity: 1, UnitPriceCents: 50}},
		}
		change(&e)
		return e
	}
	one := []Quantity{{SKU: "lamp", Quantity: 1}}
	tests := []struct {
		name  string
		event interface{ Validate() error }
		want  string // part of the error; "" for none
	}{
		{"created", created(func(*OrderCreated) {}), ""},
		{"created free of charge", created(func(e *OrderCreated) {
			e.Items, e.TotalCents = []Item{{SKU: "gift", Quantity: 1}}, 0
		}), ""},
		{"created without id", created(func(e *OrderCreated) { e.OrderID = "" }), "order_id"},
		{"created without customer", created(func(e *OrderCreated) { e.CustomerID = "" }), "customer_id"},
		{"created, long customer", created(func(e *OrderCreated) { e.CustomerID = strings.Repeat("x", 65) }), "1 to 64"},
		{"created, odd customer", created(func(e *OrderCreated) { e.CustomerID = "a b" }), "customer_id"},
		{"created, small currency", created(func(e *OrderCreated) { e.Currency = "eur" }), "currency"},
		{"created, long currency", created(func(e *OrderCreated) { e.Currency = "EURO" }), "currency"},
		{"created without items", created(func(e *OrderCreated) { e.Items = nil }), "items has 0"},
		{"created with 1001 items", created(func(e *OrderCreated) { e.Items = make([]Item, 1001) }), "items has 1001"},
		{"created, no SKU", created(func(e *OrderCreated) { e.Items[1].SKU = "" }), "items[1].sku"},
		{"created, zero quantity", created(func(e *OrderCreated) { e.Items[0].Quantity = 0 }), "items[0].quantity"},
		{"created, huge quantity", created(func(e *OrderCreated) { e.Items[0].Quantity = 1_000_001 }), "items[0].quantity"},
		{"created, negative price", created(func(e *OrderCreated) { e.Items[0].UnitPriceCents = -1 }), "unit_price_cents"},
		{"created, overflow", created(func(e *OrderCreated) { e.Items[0].UnitPriceCents = math.MaxInt64/2 + 1 }), "exceeds"},
		{"created, overflow by the sum", created(func(e *OrderCreated) {
			e.Items[0].UnitPriceCents, e.Items[1].UnitPriceCents = math.MaxInt64/2, math.MaxInt64/2
		}), "exceeds"},
		{"created, wrong total", created(func(e *OrderCreated) { e.TotalCents = 1 }), "add up to 250"},
		{"cancelled", OrderCancelled{OrderID: "o"}, ""},
		{"cancelled without id", OrderCancelled{}, "order_id"},
		{"cancelled, odd id", OrderCancelled{OrderID: "o\x00"}, "order_id"},
		{"confirmed", OrderConfirmed{OrderID: "o"}, ""},
		{"confirmed without id", OrderConfirmed{}, "order_id"},
		{"rejected", OrderRejected{OrderID: "o", Reason: "out_of_stock: lamp"}, ""},
		{"rejected without reason", OrderRejected{OrderID: "o"}, "reason"},
		{"rejected, odd reason", OrderRejected{OrderID: "o", Reason: "r\x00"}, "reason"},
		{"rejected without id", OrderRejected{Reason: "r"}, "order_id"},
		{"stock reserved", StockReserved{OrderID: "o", Items: one}, ""},
		{"stock reserved, nothing", StockReserved{OrderID: "o"}, "items is empty"},
		{"stock reserved without id", StockReserved{Items: one}, "order_id"},
		{"stock rejected", StockRejected{OrderID: "o", Reason: "unknown_sku: lamb"}, ""},
		{"stock rejected without reason", StockRejected{OrderID: "o"}, "reason"},
		{"stock released", StockReleased{OrderID: "o", Items: one}, ""},
		{"stock released, no units", StockReleased{OrderID: "o", Items: []Quantity{{SKU: "lamp"}}}, "quantity"},
		{"stock released, no SKU", StockReleased{OrderID: "o", Items: []Quantity{{Quantity: 1}}}, "sku"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.event.Validate()
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("error %q, expected none", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, expected one with %q", err, tt.want)
			}
		})
	}
}

func TestTotalReachesTheLargestAmount(t *testing.T) {
	total, err := Total([]Item{{SKU: "yacht", Quantity: 1, UnitPriceCents: math.MaxInt64}})
	if err != nil || total != math.MaxInt64 {
		t.Errorf("total %d, error %v", total, err)
	}
}
