package report

import (
	"testing"
)

// seriesOf has rounds of these values, and of these ratios.
func seriesOf(r Row, values, ratios []float64) Series {
	s := Series{Row: r, Ratios: ratios}
	for _, v := range values {
		s.Results = append(s.Results, Result{Value: v, Allocs: 12.3, Exported: 200_000, Dropped: 1_000_000})
	}
	return s
}

func TestTheMedianOfTheRatiosIsComparedWithTheTarget(t *testing.T) {
	least := Row{Name: "least", Floor: "floor", Target: 0.5}
	most := Row{Name: "most", Floor: "floor", Target: 0.5, AtMost: true}
	alone := Row{Name: "alone", Target: 2, AtMost: true}
	ofValue := Row{Name: "of value", Floor: "floor", Target: 5, OfValue: true}
	for _, test := range []struct {
		s    Series
		want string
	}{
		{seriesOf(least, []float64{9, 9, 9}, []float64{0.1, 0.5, 0.9}), "yes"},
		{seriesOf(least, []float64{9, 9}, []float64{0.1, 0.8}), "NO"},
		{seriesOf(most, []float64{9, 9, 9}, []float64{0.1, 0.5, 0.9}), "yes"},
		{seriesOf(most, []float64{9, 9, 9}, []float64{0.1, 0.6, 0.9}), "NO"},
		{seriesOf(least, []float64{9}, nil), "FAIL"}, // its floor has no result
		{seriesOf(alone, []float64{3, 1, 2}, nil), "yes"},
		{seriesOf(ofValue, []float64{4, 5, 6}, []float64{0.1, 0.1, 0.1}), "yes"},
		{seriesOf(ofValue, []float64{4, 4, 6}, []float64{9, 9, 9}), "NO"},
		{seriesOf(alone, nil, nil), "FAIL"},
		{seriesOf(Row{Name: "floor"}, []float64{9}, nil), ""},
		{seriesOf(Row{Name: "peer", Floor: "floor"}, []float64{9}, []float64{0.1}), ""},
		{seriesOf(Row{Name: "peer", Floor: "floor"}, []float64{9}, nil), "FAIL"},
	} {
		if got := test.s.met(); got != test.want {
			t.Errorf("%s of %v: %q, want %q", test.s.Name, test.s.Ratios, got, test.want)
		}
	}
}

func TestARowWithAFloorHasARatioAndAFloorHasNone(t *testing.T) {
	floor, peer := Series{Row: Row{Name: "floor"}}, Series{Row: Row{Name: "peer", Floor: "floor"}}
	for _, values := range [][2]float64{{10, 1}, {20, 6}, {30, 6}} {
		round := map[string]Result{}
		floor.Add(Result{Value: values[0]}, nil, round)
		peer.Add(Result{Value: values[1]}, nil, round)
	}
	if ratio, ok := floor.ratio(); ok {
		t.Errorf("the floor has the ratio %v", ratio)
	}
	if ratio, ok := peer.ratio(); ratio != 0.2 || !ok {
		t.Errorf("the ratios %v have the median %v", peer.Ratios, ratio)
	}
}
