package httpapi

import "example.com/clew/services/inventory/internal/stock"

// StockItem is the stock of one SKU.
type StockItem struct {
	SKU       string `json:"sku" example:"lamp" doc:"The product"`
	Available int64  `json:"available" example:"248" doc:"Units that can be ordered"`
	Reserved  int64  `json:"reserved" example:"2" doc:"Units set aside for orders"`
}

// StockPage is one page of a list.
type StockPage struct {
	Items []StockItem `json:"items" doc:"The stock of this page, by SKU"`
	Next  string      `json:"next,omitempty" doc:"Pass it as 'after' to get the next page; not there on the last page"`
}

// NewStock is the body of PUT /stock/{sku}.
type NewStock struct {
	Available int64 `json:"available" minimum:"0" maximum:"1000000000000" example:"250" doc:"Units that can be ordered"`
}

// Reservation is the decision on an order's stock.
type Reservation struct {
	OrderID string         `json:"order_id" example:"0199c0de-7a1b-7cde-8f01-23456789abcd" doc:"The order's id"`
	State   string         `json:"state" enum:"reserved,rejected,cancelled" example:"reserved" doc:"The reservation's state"`
	Reason  string         `json:"reason" example:"" doc:"Why it was rejected, such as 'out_of_stock: lamp'; else empty"`
	Items   []ReservedItem `json:"items" doc:"The reserved units; those of a cancelled reservation are released"`
}

// ReservedItem is a number of units of one SKU.
type ReservedItem struct {
	SKU      string `json:"sku" example:"lamp" doc:"The product"`
	Quantity int64  `json:"quantity" example:"2" doc:"Number of units"`
}

func reservationJSON(r stock.Reservation) Reservation {
	items := make([]ReservedItem, len(r.Lines))
	for i, line := range r.Lines {
		items[i] = ReservedItem(line)
	}
	return Reservation{OrderID: r.OrderID, State: string(r.State), Reason: r.Reason, Items: items}
}
