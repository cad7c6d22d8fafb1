package scenario_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.com/clew/loadtest/internal/scenario"
)

// search tries rates against a system that holds up to a limit.
func search(s scenario.Search, first, limit float64) (answer float64, tried []int) {
	held, failed := 0.0, 0.0
	for rate, more := first, true; more; rate, more = s.Next(held, failed) {
		tried = append(tried, int(rate))
		if rate <= limit {
			held = rate
		} else {
			failed = rate
		}
	}
	return held, tried
}

func TestSearch(t *testing.T) {
	tests := map[string]struct {
		limit float64
		want  []int
	}{
		"doubles, and halves the gap": {560, []int{100, 200, 400, 800, 565, 475, 518}},
		"goes down from the start":    {30, []int{100, 50, 25, 35, 29, 32}},
		"gives up below one a second": {0, []int{100, 50, 25, 12, 6, 3, 1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, tried := search(*load(t, "max").Search, 100, test.limit)
			if diff := cmp.Diff(test.want, tried); diff != "" {
				t.Errorf("tried (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSearchFindsTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scenario.Search{
			Factor: rapid.Float64Range(1.1, 10).Draw(t, "factor"),
			Within: rapid.Float64Range(1, 50).Draw(t, "within"),
		}
		limit := rapid.Float64Range(10, 100_000).Draw(t, "limit")
		answer, tried := search(s, rapid.Float64Range(1, 100_000).Draw(t, "first"), limit)
		if answer > limit || answer*(1+s.Within/100) < limit || len(tried) > 200 {
			t.Fatalf("found %v where the limit is %v, in %d runs", answer, limit, len(tried))
		}
	})
}
