package httpapi

import (
	"time"

	"example.com/clew/services/order/internal/order"
)

// NewOrder is the body of POST /orders. The bounds are those of contracts.
type NewOrder struct {
	CustomerID string `json:"customer_id" pattern:"^[A-Za-z0-9._-]{1,64}$" example:"ada" doc:"The customer's id: 1 to 64 of A-Z a-z 0-9 . _ -"`
	Currency   string `json:"currency,omitempty" pattern:"^[A-Z]{3}$" default:"EUR" doc:"ISO 4217, three capitals"`
	Items      []Item `json:"items" minItems:"1" maxItems:"1000" doc:"The ordered products"`
}

// Item is one line of an order.
type Item struct {
	SKU            string `json:"sku" pattern:"^[A-Za-z0-9._-]{1,64}$" example:"lamp" doc:"The product: 1 to 64 of A-Z a-z 0-9 . _ -"`
	Quantity       int64  `json:"quantity" minimum:"1" maximum:"1000000" example:"2" doc:"How many units"`
	UnitPriceCents int64  `json:"unit_price_cents" minimum:"0" example:"4990" doc:"Price of one unit, in cents of the currency"`
}

// Order is an order, wherever the API shows one.
type Order struct {
	ID         string    `json:"id" format:"uuid" example:"0199c0de-7a1b-7cde-8f01-23456789abcd" doc:"UUIDv7"`
	CustomerID string    `json:"customer_id" example:"ada" doc:"The customer's id"`
	Status     string    `json:"status" enum:"pending,confirmed,rejected,cancelled" example:"confirmed" doc:"The order's state"`
	Reason     string    `json:"reason" example:"" doc:"Why it was rejected, such as 'out_of_stock: lamp'; else empty"`
	Currency   string    `json:"currency" example:"EUR" doc:"ISO 4217"`
	TotalCents int64     `json:"total_cents" example:"9980" doc:"Sum of quantity times price, in cents of the currency"`
	Items      []Item    `json:"items" doc:"The ordered products"`
	TraceID    string    `json:"trace_id" example:"0af7651916cd43dd8448eb211c80319c" doc:"Trace of the request that placed it, or empty"`
	CreatedAt  time.Time `json:"created_at" example:"2026-11-21T09:30:00.123456Z" doc:"When it was accepted, UTC"`
}

// OrderPage is one page of a list.
type OrderPage struct {
	Items []Order `json:"items" doc:"The orders of this page"`
	Next  string  `json:"next,omitempty" doc:"Pass it as 'after' to get the next page; not there on the last page"`
}

func orderJSON(o order.Order) Order {
	items := make([]Item, len(o.Items))
	for i, item := range o.Items {
		items[i] = Item(item)
	}
	return Order{
		ID: o.ID, CustomerID: o.CustomerID, Status: string(o.Status), Reason: o.Reason, Currency: o.Currency,
		TotalCents: o.TotalCents, Items: items, TraceID: o.TraceID, CreatedAt: o.CreatedAt,
	}
}
