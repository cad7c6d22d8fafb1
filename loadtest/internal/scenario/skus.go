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

// SKUs returns a function that gives the SKU of each arrival in turn, by its offset.
//
// It is not random: of any n orders, a SKU with a share of 5 % gets 5 %, give or take one or two, because a threshold on the share
// of dead letters must not fail by bad luck. A SKU of Every gets the first order that is due after its time.
func (s Scenario) SKUs() func(due time.Duration) string {
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
	number := 0
	return func(due time.Duration) string {
		for _, sku := range periodic {
			if due >= next[sku] {
				next[sku] += s.Every[sku]
				return sku
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
			return mix[most].sku
		}
		number++
		return fmt.Sprintf("load-%03d", (number-1)%products+1)
	}
}
