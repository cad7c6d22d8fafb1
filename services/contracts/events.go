// Package contracts has the events that the order and inventory services exchange: their types, their JSON payloads, and the
// validation of these. Another team would import it, so it needs only the standard library.
//
// A type's name ends in its version. A change that a reader of the old version could misread gets a new version, and
// both are published until nobody reads the old one.
package contracts

// Orders is the stream of events about orders.
type Orders struct{}

// Name returns the stream's name.
func (Orders) Name() string { return "orders" }

// Stock is the stream of events about stock.
type Stock struct{}

// Name returns the stream's name.
func (Stock) Name() string { return "stock" }

// Item is one line of an order. Prices are whole cents of the order's currency.
type Item struct {
	SKU            string `json:"sku"`
	Quantity       int64  `json:"quantity"`
	UnitPriceCents int64  `json:"unit_price_cents"`
}

// Quantity is a number of units of one SKU.
type Quantity struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// OrderCreated (order.created.v1): an order was accepted and waits for stock.
type OrderCreated struct {
	OrderID    string `json:"order_id"`
	CustomerID string `json:"customer_id"`
	Currency   string `json:"currency"` // ISO 4217, three capitals
	TotalCents int64  `json:"total_cents"`
	Items      []Item `json:"items"`
}

// OrderCancelled (order.cancelled.v1): the customer withdrew an order that was pending or confirmed.
type OrderCancelled struct {
	OrderID string `json:"order_id"`
}

// OrderConfirmed (order.confirmed.v1): stock is reserved for the whole order.
type OrderConfirmed struct {
	OrderID string `json:"order_id"`
}

// OrderRejected (order.rejected.v1): the order cannot be served. Reason is a StockRejected's.
type OrderRejected struct {
	OrderID string `json:"order_id"`
	Reason  string `json:"reason"`
}

// StockReserved (stock.reserved.v1): all units of the order are set aside.
type StockReserved struct {
	OrderID string     `json:"order_id"`
	Items   []Quantity `json:"items"`
}

// StockRejected (stock.rejected.v1): nothing was set aside. Reason names the first SKU, in alphabetical order, that could not
// be, such as "out_of_stock: lamp" or "unknown_sku: lamb".
type StockRejected struct {
	OrderID string `json:"order_id"`
	Reason  string `json:"reason"`
}

// StockReleased (stock.released.v1): units set aside for an order that was cancelled are available again.
type StockReleased struct {
	OrderID string     `json:"order_id"`
	Items   []Quantity `json:"items"`
}
