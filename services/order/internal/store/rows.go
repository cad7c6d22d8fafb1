package store

import (
	"time"

	"example.com/clew/services/order/internal/order"
)

// The migrations explain the columns.
type orderRow struct {
	ID         string `gorm:"primaryKey"`
	CustomerID string
	Status     order.Status
	Reason     string
	Currency   string
	TotalCents int64
	TraceID    string
	CreatedAt  int64 `gorm:"autoCreateTime:false"`
	FinishedAt int64
}

type itemRow struct {
	OrderID        string
	Position       int
	SKU            string
	Quantity       int64
	UnitPriceCents int64
}

// TableName tells GORM the table.
func (orderRow) TableName() string { return "orders" }

// TableName tells GORM the table.
func (itemRow) TableName() string { return "order_items" }

func (r orderRow) order(items []order.Item) order.Order {
	return order.Order{
		ID: r.ID, CustomerID: r.CustomerID, Status: r.Status, Reason: r.Reason, Currency: r.Currency,
		TotalCents: r.TotalCents, Items: items, TraceID: r.TraceID, CreatedAt: time.UnixMicro(r.CreatedAt).UTC(),
	}
}
