package stock

import "fmt"

const loadSKUs = 200 // over which a load test spreads its orders

// LoadUnits is the stock of a SKU that should never sell out.
const LoadUnits = 1_000_000_000

// Seed returns the stock of a new shop: ten products to play with, and load-001 to load-200 for load tests.
func Seed() []Item {
	items := []Item{
		{SKU: "bulb", Available: 1000},
		{SKU: "cable", Available: 500},
		{SKU: "candle", Available: 600},
		{SKU: "desk-lamp", Available: 120},
		{SKU: "lamp", Available: 250},
		{SKU: "lantern", Available: 80},
		{SKU: "mug", Available: 400},
		{SKU: "shade", Available: 200},
		{SKU: "switch", Available: 300},
		{SKU: "torch", Available: 50},
	}
	for i := range loadSKUs {
		items = append(items, Item{SKU: fmt.Sprintf("load-%03d", i+1), Available: LoadUnits})
	}
	return items
}
