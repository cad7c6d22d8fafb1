package scenario

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// products is the number of SKUs from load-001 on, whose stock does not run out. Orders take turns through them, so that they
// don't wait for each other's row.
const products = 200

// SKUs returns a function that gives the SKU of each arrival in turn, by its offset, and reports whether the arrival is the
// shard's.
//
// It is not random: of any n orders, a SKU with a share of 5 % gets 5 %, give or take one or two, because a threshold on the share
// of dead letters must not fail by bad luck. A SKU of Every gets the first order that is due after its time.
//
// A product is of one shard only. The orders of any other SKU are dealt to the shards in turn, so that each has its share.
func (s Scenario) SKUs(shard Shard) func(due time.Duration) (sku string, mine bool) {
	type entry struct {
		sku              string
		percent, deficit float64
	}
	mix := []entry{{percent: 100}} // the first stands for load-…
	for _, sku := range slices.Sorted(maps.Keys(s.Mix)) {
		mix = append(mix, entry{sku: sku, percent: s.Mix[sku]})
		mix[0].percent -= s.Mix[sku]
	}
	periodic := slices.Sorted(maps.Keys(s.Every))
	next := maps.Clone(s.Every)
	number, dealt := 0, map[string]int{}
	deal := func(sku string) (string, bool) {
		dealt[sku]++
		return sku, shard.has(dealt[sku] - 1)
	}
	return func(due time.Duration) (string, bool) {
		for _, sku := range periodic {
			if due >= next[sku] {
				next[sku] += s.Every[sku]
				return deal(sku)
			}
		}
		// The SKU that is furthest behind its share is next: what load balancers call smooth weighted round-robin.
		most := 0
		for i := range mix {
			mix[i].deficit += mix[i].percent
			if mix[i].deficit > mix[most].deficit {
				most = i
			}
		}
		mix[most].deficit -= 100
		if most > 0 {
			return deal(mix[most].sku)
		}
		product := number % products
		number++
		return fmt.Sprintf("load-%03d", product+1), shard.has(product)
	}
}
