package stock_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.com/clew/services/inventory/internal/stock"
)

func TestDecide(t *testing.T) {
	have := map[string]stock.Item{
		"bulb": {SKU: "bulb", Available: 10}, "lamp": {SKU: "lamp", Available: 2, Reserved: 50}, "mug": {SKU: "mug"},
	}
	for name, test := range map[string]struct {
		asked []stock.Line
		want  stock.Reservation
	}{
		"all there": {[]stock.Line{{"lamp", 1}, {"bulb", 10}},
			stock.Reservation{State: stock.Reserved, Lines: []stock.Line{{"bulb", 10}, {"lamp", 1}}}},
		"the last unit, in two lines": {[]stock.Line{{"lamp", 1}, {"lamp", 1}},
			stock.Reservation{State: stock.Reserved, Lines: []stock.Line{{"lamp", 2}}}},
		"too many in two lines": {[]stock.Line{{"lamp", 2}, {"bulb", 1}, {"lamp", 1}},
			stock.Reservation{State: stock.Rejected, Reason: "out_of_stock: lamp"}},
		"unknown": {[]stock.Line{{"lamb", 1}, {"lamp", 1}},
			stock.Reservation{State: stock.Rejected, Reason: "unknown_sku: lamb"}},
		"the first in the alphabet": {[]stock.Line{{"zebra", 1}, {"mug", 1}, {"lamp", 3}},
			stock.Reservation{State: stock.Rejected, Reason: "out_of_stock: lamp"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.OrderID = "o"
			if diff := cmp.Diff(test.want, stock.Decide("o", stock.Sum(test.asked), have)); diff != "" {
				t.Errorf("reservation (-want +got):\n%s", diff)
			}
		})
	}
}

var (
	skus  = rapid.SampledFrom([]string{"bulb", "cable", "lamp", "mug"})
	lines = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) stock.Line {
		return stock.Line{SKU: skus.Draw(t, "sku"), Quantity: rapid.Int64Range(1, 5).Draw(t, "quantity")}
	}), 1, 8)
)

func TestSumKeepsTheUnitsOfEachSKU(t *testing.T) {
	units := func(lines []stock.Line) map[string]int64 {
		units := map[string]int64{}
		for _, line := range lines {
			units[line.SKU] += line.Quantity
		}
		return units
	}
	rapid.Check(t, func(t *rapid.T) {
		asked := lines.Draw(t, "asked")
		before := slices.Clone(asked)
		sum := stock.Sum(asked)
		if diff := cmp.Diff(units(asked), units(sum)); diff != "" {
			t.Fatalf("units (-asked +sum):\n%s", diff)
		}
		if len(sum) != len(units(asked)) {
			t.Fatalf("a SKU stands twice in %v", sum)
		}
		if !slices.IsSortedFunc(sum, func(a, b stock.Line) int { return strings.Compare(a.SKU, b.SKU) }) {
			t.Fatalf("not sorted: %v", sum)
		}
		if diff := cmp.Diff(before, asked); diff != "" {
			t.Fatalf("the argument was changed:\n%s", diff)
		}
	})
}

// A reservation never takes more than there is, and an order is never refused that could be served.
func TestAnOrderIsReservedIfAndOnlyIfAllOfItIsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have := map[string]stock.Item{}
		for _, sku := range rapid.SliceOfDistinct(skus, rapid.ID).Draw(t, "known") {
			have[sku] = stock.Item{SKU: sku, Available: rapid.Int64Range(0, 10).Draw(t, "available")}
		}
		needs := stock.Sum(lines.Draw(t, "asked"))
		possible := true
		for _, need := range needs {
			item, known := have[need.SKU]
			possible = possible && known && item.Available >= need.Quantity
		}
		r := stock.Decide("o", needs, have)
		if (r.State == stock.Reserved) != possible || (r.Reason == "") != possible || (len(r.Lines) > 0) != possible {
			t.Fatalf("possible: %v, but %+v", possible, r)
		}
	})
}

func TestTheSeedHasEverySKUOnce(t *testing.T) {
	units := map[string]int64{}
	for _, item := range stock.Seed() {
		if units[item.SKU] > 0 || item.Available <= 0 || item.Reserved != 0 {
			t.Errorf("%+v", item)
		}
		units[item.SKU] = item.Available
	}
	if len(units) != 210 || units["load-001"] != 1_000_000_000 || units["load-200"] != 1_000_000_000 || units["lamp"] == 0 {
		t.Errorf("%d SKUs; load-001: %d, load-200: %d, lamp: %d", len(units), units["load-001"], units["load-200"], units["lamp"])
	}
}
