package scenario_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.com/clew/loadtest/internal/scenario"
)

func TestOrdersGoRoundTheProducts(t *testing.T) {
	sku := scenario.Scenario{}.SKUs(scenario.Shard{})
	for i := range 401 {
		got, _ := sku(0)
		if want := fmt.Sprintf("load-%03d", i%200+1); got != want {
			t.Fatalf("order %d is of %s, want %s", i, got, want)
		}
	}
}

// After any number of orders, each SKU has its share of them, give or take less than one for a single SKU, and
// little more than that for many.
func TestMixIsExactAtAnyTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "SKUs")
		left, mix := 100, map[string]float64{}
		for i := range n {
			percent := rapid.IntRange(0, left).Draw(t, "percent")
			mix[fmt.Sprintf("test-%d", i)] = float64(percent)
			left -= percent
		}
		sku, counts := scenario.Scenario{Mix: mix}.SKUs(scenario.Shard{}), map[string]float64{}
		for orders := 1; orders <= 500; orders++ {
			name, _ := sku(0)
			counts[name]++
			for name, percent := range mix {
				if off := math.Abs(counts[name] - percent/100*float64(orders)); n == 1 && off >= 1 || off >= 2 {
					t.Fatalf("%v of %d orders are of %s, whose share is %v %%: %v", counts[name], orders, name, percent, mix)
				}
			}
		}
	})
}

func TestEveryTakesTheFirstOrderThatIsDueFromThenOn(t *testing.T) {
	sku := scenario.Scenario{Every: map[string]time.Duration{"test-crash": 10 * time.Second}}.SKUs(scenario.Shard{})
	var crashes []string
	for due := time.Duration(0); due < 35*time.Second; due += 300 * time.Millisecond {
		if name, _ := sku(due); name == "test-crash" {
			crashes = append(crashes, due.String())
		}
	}
	if diff := cmp.Diff([]string{"10.2s", "20.1s", "30s"}, crashes); diff != "" {
		t.Errorf("crashes (-want +got):\n%s", diff)
	}
}
