package scenario

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// products is how many SKUs there are from load-001 on, whose stock does not run out. Orders go round them, so that
// they don't wait for each other's row.
const products = 200

// SKUs returns what says of each arrival in turn, by its offset, which SKU it orders.
//
// There is no chance in it: of any n orders, 5 % are of a SKU whose share that is, give or take one or two, because a threshold
// on the share of dead letters must not fail by bad luck. What comes every so often takes the first order due from then on.
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
