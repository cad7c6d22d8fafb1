package report

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"
)

func TestTheExponentIsThePowerOfAPowerLaw(t *testing.T) {
	for _, power := range []float64{-0.5, 0, 0.03, 1, 2} {
		g := &growth{}
		for _, x := range []float64{1000, 10_000, 100_000, 1_000_000} {
			g.points = append(g.points, point{x, 7 * math.Pow(x, power)})
		}
		if got := g.exponent(); math.Abs(got-power) > 1e-9 {
			t.Errorf("%g, want %g", got, power)
		}
	}
}

func TestTheExponentIsFittedByLeastSquares(t *testing.T) {
	g := &growth{points: []point{{1, 1}, {10, 10}, {100, 1}}} // up and down again
	if got := g.exponent(); math.Abs(got) > 1e-9 {
		t.Errorf("%g, want 0", got)
	}
}

func TestARowWithoutANumberOrAValueIsNoGrowth(t *testing.T) {
	one := 1.0
	got := growthsOf([]Line{
		{Name: "consume_off", Value: &one}, {Name: "a_1", Value: &one, X: 1}, {Name: "a_10", X: 10}, {Name: "b_64", Value: &one, X: 64},
	})
	if said := fmt.Sprintf("%d %s %v %s %v", len(got), got[0].name, got[0].points, got[1].name, got[1].points); said != "2 a [{1 1}] b [{64 1}]" {
		t.Error(said)
	}
}

func TestWhatIsWrittenCanBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bench.json")
	written := []Series{seriesOf(Row{Name: "a_8", Unit: "ms", Floor: "a_1", X: 8, Of: "things"}, []float64{3, 1, 2}, []float64{0.5})}
	written = append(written, Series{Row: Row{Name: "failed"}})
	if err := WriteJSON(path, written); err != nil {
		t.Fatal(err)
	}
	lines, err := ReadJSON(path)
	if err != nil {
		t.Fatal(err)
	}
	a := lines[0]
	if a.Name != "a_8" || a.Unit != "ms" || *a.Value != 2 || *a.Ratio != 0.5 || a.X != 8 || a.Of != "things" {
		t.Errorf("%+v", a)
	}
	if failed := lines[1]; failed.Value != nil || failed.Ratio != nil {
		t.Errorf("%+v has a value", failed)
	}
}
