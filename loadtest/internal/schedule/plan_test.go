package schedule_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.com/clew/loadtest/internal/schedule"
)

func TestEvenArrivals(t *testing.T) {
	tests := map[string]struct {
		stages []schedule.Stage
		want   []float64
	}{
		"a constant rate has even gaps": {
			[]schedule.Stage{{Duration: time.Second, From: 4, To: 4}},
			[]float64{0.125, 0.375, 0.625, 0.875},
		},
		"a ramp from 0 has its k-th arrival when the area is k - 1/2": {
			[]schedule.Stage{{Duration: 2 * time.Second, From: 0, To: 4}}, // the area is t²
			[]float64{math.Sqrt(0.5), math.Sqrt(1.5), math.Sqrt(2.5), math.Sqrt(3.5)},
		},
		"a ramp to 0 is its mirror image": {
			[]schedule.Stage{{Duration: 2 * time.Second, From: 4, To: 0}},
			[]float64{2 - math.Sqrt(3.5), 2 - math.Sqrt(2.5), 2 - math.Sqrt(1.5), 2 - math.Sqrt(0.5)},
		},
		"an area that a stage leaves over is carried on, also across a pause": {
			[]schedule.Stage{
				{Duration: 750 * time.Millisecond, From: 1, To: 1},
				{Duration: time.Second},
				{Duration: 2 * time.Second, From: 1, To: 1},
			},
			[]float64{0.5, 2.5, 3.5},
		},
		"one that is due where a ramp from 0 begins": {
			[]schedule.Stage{{Duration: 500 * time.Millisecond, From: 1, To: 1}, {Duration: 2 * time.Second, From: 0, To: 1}},
			[]float64{0.5},
		},
		"a rate that cannot be written in binary loses none": {
			[]schedule.Stage{{Duration: 10 * time.Second, From: 0.1, To: 0.1}, {Duration: 20 * time.Second, From: 0.1, To: 0.1}},
			[]float64{5, 15, 25},
		},
		"no rate, no arrivals": {[]schedule.Stage{{Duration: time.Hour}}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var want []time.Duration
			for _, seconds := range test.want {
				want = append(want, time.Duration(seconds*1e9))
			}
			got := slices.Collect(schedule.Plan{Stages: test.stages}.Arrivals())
			near := cmp.Comparer(func(a, b time.Duration) bool { return (a - b).Abs() <= 1 })
			if diff := cmp.Diff(want, got, near); diff != "" {
				t.Errorf("arrivals (-want +got):\n%s", diff)
			}
		})
	}
}

// plans have up to some ten thousand arrivals, jumps, pauses and ramps.
func plans(poisson bool) *rapid.Generator[schedule.Plan] {
	stage := rapid.Custom(func(t *rapid.T) schedule.Stage {
		rate := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 5), rapid.Float64Range(0, 2000))
		s := schedule.Stage{
			Duration: time.Duration(rapid.Int64Range(1, int64(3*time.Second)).Draw(t, "duration")),
			From:     rate.Draw(t, "from"),
		}
		s.To = rapid.OneOf(rapid.Just(s.From), rate).Draw(t, "to")
		return s
	})
	return rapid.Custom(func(t *rapid.T) schedule.Plan {
		return schedule.Plan{
			Stages:  rapid.SliceOfN(stage, 1, 4).Draw(t, "stages"),
			Poisson: poisson,
			Seed:    rapid.Uint64().Draw(t, "seed"),
		}
	})
}

func TestArrivalsAscendWithinThePlanAndRepeat(t *testing.T) {
	for _, poisson := range []bool{false, true} {
		rapid.Check(t, func(t *rapid.T) {
			plan := plans(poisson).Draw(t, "plan")
			arrivals := slices.Collect(plan.Arrivals())
			if !slices.IsSorted(arrivals) {
				t.Fatal("not ascending")
			}
			if n := len(arrivals); n > 0 && (arrivals[0] < 0 || arrivals[n-1] > plan.Duration()) {
				t.Fatalf("%v to %v are not within 0 to %v", arrivals[0], arrivals[n-1], plan.Duration())
			}
			if !slices.Equal(arrivals, slices.Collect(plan.Arrivals())) {
				t.Fatal("not the same a second time")
			}
		})
	}
}

// Any stretch of time, not only a stage, has as many arrivals as the area under its rate.
func TestEvenArrivalsCountTheArea(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan := plans(false).Draw(t, "plan")
		until := time.Duration(rapid.Int64Range(0, int64(plan.Duration())).Draw(t, "until"))
		count := 0.0
		for at := range plan.Arrivals() {
			if at < until {
				count++
			}
		}
		if want := area(plan, until); math.Abs(count-want) > 0.501 {
			t.Fatalf("%v arrivals before %v, where the area is %v", count, until, want)
		}
	})
}

// area integrates the rate until an offset: the trapezoid of each stage's part is exact.
func area(plan schedule.Plan, until time.Duration) float64 {
	sum := 0.0
	for _, s := range plan.Stages {
		length := max(0, min(s.Duration, until))
		to := s.From + (s.To-s.From)*length.Seconds()/s.Duration.Seconds()
		sum += (s.From + to) / 2 * length.Seconds()
		until -= s.Duration
	}
	return sum
}

// In a Poisson process the counts of equal stretches have a variance equal to their mean, also in a ramp.
func TestPoissonArrivals(t *testing.T) {
	plan := schedule.Plan{Poisson: true, Seed: 1, Stages: []schedule.Stage{
		{Duration: 200 * time.Second, From: 100, To: 100},
		{Duration: 200 * time.Second, From: 0, To: 200},
	}}
	const stretch = 100 * time.Millisecond
	counts := make([]float64, plan.Duration()/stretch)
	for at := range plan.Arrivals() {
		counts[at/stretch]++
	}
	for i, want := range []float64{20_000, 20_000} {
		part := counts[i*2000 : (i+1)*2000]
		sum, chi := 0.0, 0.0
		for k, count := range part {
			begin := time.Duration(i*2000+k) * stretch
			mean := area(plan, begin+stretch) - area(plan, begin)
			sum += count
			chi += (count - mean) * (count - mean) / mean
		}
		if math.Abs(sum-want) > 4*math.Sqrt(want) {
			t.Errorf("stage %d has %v arrivals, want %v within four standard deviations", i, sum, want)
		}
		if ratio := chi / float64(len(part)); ratio < 0.85 || ratio > 1.15 {
			t.Errorf("stage %d: variance ÷ mean is %.2f, want 1", i, ratio)
		}
	}
	other := plan
	other.Seed = 2
	if slices.Equal(slices.Collect(plan.Arrivals()), slices.Collect(other.Arrivals())) {
		t.Error("another seed gives the same arrivals")
	}
}

func TestDurationAndPeak(t *testing.T) {
	plan := schedule.Plan{Stages: []schedule.Stage{
		{Duration: 10 * time.Second, From: 0, To: 100},
		{Duration: 10 * time.Second, From: 50, To: 50},
	}}
	if plan.Duration() != 20*time.Second || plan.Peak() != 100 {
		t.Errorf("duration %v, peak %v, want 20s and 100", plan.Duration(), plan.Peak())
	}
}

func BenchmarkArrivals(b *testing.B) {
	for name, poisson := range map[string]bool{"even": false, "poisson": true} {
		b.Run(name, func(b *testing.B) {
			plan := schedule.Plan{Poisson: poisson, Stages: []schedule.Stage{{Duration: 1 << 62, From: 1000, To: 1000}}}
			n := 0
			for range plan.Arrivals() {
				if n++; n == b.N {
					break
				}
			}
		})
	}
}
