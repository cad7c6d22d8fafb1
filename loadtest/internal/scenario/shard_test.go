package scenario_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/clew/loadtest/internal/scenario"
	"example.com/clew/loadtest/internal/schedule"
)

// arrival is an order of a schedule.
type arrival struct {
	due time.Duration
	sku string
}

// arrivals returns what a generator with the shard offers.
func arrivals(s scenario.Scenario, shard scenario.Shard) (all []arrival) {
	sku := s.SKUs(shard)
	for due := range s.Plan().Arrivals() {
		if name, mine := sku(due); mine {
			all = append(all, arrival{due, name})
		}
	}
	return all
}

func TestShardsTogetherAreTheWholeSchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scenario.Scenario{
			Arrivals: rapid.SampledFrom([]string{scenario.Constant, scenario.Poisson}).Draw(t, "arrivals"),
			Seed:     rapid.Uint64().Draw(t, "seed"),
			Stages: []schedule.Stage{{
				Duration: 5 * time.Second, From: rapid.Float64Range(0, 300).Draw(t, "from"), To: rapid.Float64Range(0, 300).Draw(t, "to"),
			}},
			Mix:   map[string]float64{"test-invalid": rapid.Float64Range(0, 50).Draw(t, "invalid"), "test-flaky": rapid.Float64Range(0, 50).Draw(t, "flaky")},
			Every: map[string]time.Duration{"test-crash": time.Duration(rapid.IntRange(1, 1000).Draw(t, "every")) * time.Millisecond},
		}
		whole := arrivals(s, scenario.Shard{})
		of := rapid.IntRange(1, 8).Draw(t, "shards")
		var union []arrival
		products := map[string]int{} // the shard of each
		counts := map[string][]int{} // of every other SKU, by shard
		for number := 1; number <= of; number++ {
			part := arrivals(s, scenario.Shard{Number: number, Of: of})
			union = append(union, part...)
			for _, a := range part {
				if !strings.HasPrefix(a.sku, "load-") {
					if counts[a.sku] == nil {
						counts[a.sku] = make([]int, of)
					}
					counts[a.sku][number-1]++
				} else if shard, ok := products[a.sku]; ok && shard != number {
					t.Fatalf("shards %d and %d both have orders of %s", shard, number, a.sku)
				}
				products[a.sku] = number
			}
		}
		order := func(a, b arrival) int { return strings.Compare(fmt.Sprint(a.due, a.sku), fmt.Sprint(b.due, b.sku)) }
		slices.SortFunc(whole, order)
		slices.SortFunc(union, order)
		if !slices.Equal(whole, union) {
			t.Fatalf("%d arrivals in %d shards, %d in the schedule, or not the same", len(union), of, len(whole))
		}
		for sku, each := range counts {
			if slices.Max(each)-slices.Min(each) > 1 {
				t.Fatalf("the shards have %v orders of %s", each, sku)
			}
		}
	})
}

func TestParseShard(t *testing.T) {
	for text, want := range map[string]scenario.Shard{"1/1": {1, 1}, "2/4": {2, 4}, "200/200": {200, 200}, "4": {3, 4}} {
		if got, err := scenario.ParseShard(text, "2"); got != want || err != nil {
			t.Errorf("%s: %v, error %v, want %v", text, got, err, want)
		}
	}
	for _, test := range [][3]string{ // text, index, error
		{"", "", "such as 2/4"}, {"x", "", "such as 2/4"}, {"2/", "", "such as 2/4"}, {"1/201", "", "at most 200"}, {"0", "0", "such as 2/4"},
		{"0/4", "", "from 1/4 to 4/4"}, {"5/4", "", "from 1/4 to 4/4"}, {"/4", "", "from 1/4 to 4/4"}, {"1/2/4", "", "such as 2/4"},
		{"4", "", "JOB_COMPLETION_INDEX"}, {"4", "4", "expected 0 to 3"}, {"4", "-1", "expected 0 to 3"}, {"4", "x", "expected 0 to 3"},
	} {
		_, err := scenario.ParseShard(test[0], test[1])
		if err == nil || !strings.Contains(err.Error(), test[2]) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q with index %q: %v, want a line with %q", test[0], test[1], err, test[2])
		}
	}
}
