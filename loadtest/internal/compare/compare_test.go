package compare_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/loadtest/internal/compare"
	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/result/resulttest"
)

var usual = compare.Options{Tolerance: 0.05, Seed: 1}

func TestARunIsNoWorseThanItself(t *testing.T) {
	for seed := range uint64(8) {
		run := resulttest.Run{Seed: seed, Invalid: 0.05, Refused: 0.01, Stall: [2]int{10, 13}}.Result()
		c := compare.Compare(run, run, usual)
		if worse := regressed(c); worse != nil || c.Warnings != nil {
			t.Errorf("seed %d: regressed %v, warnings %q", seed, worse, c.Warnings)
		}
		for _, row := range c.Rows {
			if i := row.Interval; i != nil && (i.Low > 0 || i.High < 0) {
				t.Errorf("seed %d: the interval of %s is %+v, without 0", seed, row.Metric, *i)
			}
		}
	}
}

func TestARunThatIsSlowerIsWorse(t *testing.T) {
	for seed := range uint64(8) {
		a := resulttest.Run{Seed: seed}.Result()
		b := resulttest.Run{Seed: seed + 100, Median: 6 * time.Millisecond}.Result()
		slower, faster := compare.Compare(a, b, usual), compare.Compare(b, a, usual)
		for _, metric := range []string{"http_p50", "http_p99", "e2e_p50", "e2e_p99"} {
			row := find(t, slower, metric)
			if difference := row.B - row.A; !row.Regressed || row.Interval.Low > difference || row.Interval.High < difference {
				t.Errorf("seed %d: %s %v after %v, interval %+v, regressed %t", seed, metric, row.B, row.A, *row.Interval, row.Regressed)
			}
			if find(t, faster, metric).Regressed {
				t.Errorf("seed %d: %s is called worse where it is better", seed, metric)
			}
		}
	}
}

func TestNoiseAloneIsRarelyWorse(t *testing.T) {
	const runs = 40
	alarms := 0
	for seed := range uint64(runs) {
		a := resulttest.Run{Seed: seed, Invalid: 0.02}.Result()
		b := resulttest.Run{Seed: seed + 1000, Invalid: 0.02}.Result()
		if worse := regressed(compare.Compare(a, b, usual)); worse != nil {
			t.Logf("seed %d: %v", seed, worse)
			alarms++
		}
	}
	if alarms > runs/20 {
		t.Errorf("%d of %d comparisons of like runs are called worse", alarms, runs)
	}
}

func TestAnIntervalHoldsTheTruth(t *testing.T) {
	const runs = 40
	truth, held := 0.008-0.004, 0 // the medians, but for the generator's own lateness
	for seed := range uint64(runs) {
		a := resulttest.Run{Seed: seed}.Result()
		b := resulttest.Run{Seed: seed + 1000, Median: 8 * time.Millisecond}.Result()
		if i := find(t, compare.Compare(a, b, usual), "http_p50").Interval; i.Low <= truth && truth <= i.High {
			held++
		}
	}
	t.Logf("%d of %d intervals hold the truth", held, runs)
	if held < runs*8/10 {
		t.Errorf("%d of %d intervals hold the truth", held, runs)
	}
}

func TestEachKindOfRegression(t *testing.T) {
	base := resulttest.Run{Seconds: 60, Invalid: 0.01}
	for name, test := range map[string]struct {
		change func(*resulttest.Run)
		edit   func(*result.Result)
		want   string
	}{
		"fewer orders":        {change: func(r *resulttest.Run) { r.Rate = 80 }, want: "throughput"},
		"more errors":         {change: func(r *resulttest.Run) { r.Refused = 0.05 }, want: "http_error_rate"},
		"more dead letters":   {change: func(r *resulttest.Run) { r.Invalid = 0.1 }, want: "dlq_rate"},
		"lag":                 {change: func(r *resulttest.Run) { r.Stall = [2]int{20, 30} }, want: "lag_seconds_max"},
		"a loss":              {edit: func(r *result.Result) { r.Totals.Lost = 1 }, want: "lost"},
		"a duplicate":         {edit: func(r *result.Result) { r.Totals.Duplicated = 1 }, want: "duplicates"},
		"a drain without end": {edit: func(r *result.Result) { r.Totals.Drain = -1 }, want: "drain_seconds"},
	} {
		t.Run(name, func(t *testing.T) {
			run := base
			if test.change != nil {
				test.change(&run)
			}
			worse := run.Result()
			if test.edit != nil {
				test.edit(&worse)
			}
			before := base.Result()
			if c := compare.Compare(before, worse, usual); !find(t, c, test.want).Regressed || !c.Regressed() {
				t.Errorf("%s did not regress: %+v", test.want, find(t, c, test.want))
			}
			if find(t, compare.Compare(worse, before, usual), test.want).Regressed {
				t.Errorf("%s is called worse where it is better", test.want)
			}
		})
	}
}

func TestTheTolerance(t *testing.T) {
	a := resulttest.Run{}.Result()
	b := resulttest.Run{Seed: 1, Median: 4400 * time.Microsecond}.Result() // a tenth slower
	for tolerance, want := range map[float64]bool{0: true, 0.02: true, 0.2: false} {
		if got := find(t, compare.Compare(a, b, compare.Options{Tolerance: tolerance}), "http_p50").Regressed; got != want {
			t.Errorf("tolerance %v: regressed %t, want %t", tolerance, got, want)
		}
	}
}

func TestTheSameSeedGivesTheSameComparison(t *testing.T) {
	a, b := resulttest.Run{Seed: 1}.Result(), resulttest.Run{Seed: 2}.Result()
	first, again := compare.Compare(a, b, usual), compare.Compare(a, b, usual)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("(-first +again)\n%s", diff)
	}
	if other := compare.Compare(a, b, compare.Options{Tolerance: 0.05, Seed: 2}); cmp.Equal(first.Rows, other.Rows) {
		t.Error("another seed draws the same")
	}
}

func TestWhatMakesRunsHardToCompareIsNamed(t *testing.T) {
	a, b := resulttest.Run{}.Result(), resulttest.Run{Rate: 200, Invalid: 0.05}.Result()
	b.Settings.Target, b.Settings.MaxInFlight = "other", 1
	b.Environment = result.Environment{CPU: "other", Cores: 64, OS: "linux/arm64", Mode: "compose", Go: "go1.27.0", Redis: "8.6.0"}
	b.Verdict, b.Reason = result.NotJudged, "the generator was too slow"
	delete(b.Latencies, result.EndToEnd)
	got := strings.Join(compare.Compare(a, b, usual).Warnings, "\n")
	want := strings.Join([]string{
		"the target differs: A http; B other",
		"the load differs: A 100/s for 30s, poisson, warm-up 3s; B 200/s for 30s, poisson, warm-up 3s",
		"the mix differs: A the rest load-001 to load-200; B 5% test-invalid, the rest load-001 to load-200",
		"the cap in flight differs: A 10000; B 1",
		"the machine differs: A Example CPU @ 2.40GHz, 2 cores, linux/amd64; B other, 64 cores, linux/arm64",
		"the mode differs: A standalone; B compose",
		"the Go version differs: A go1.26.0; B go1.27.0",
		"the Redis version differs: A 7.0.15; B 8.6.0",
		"run B was not judged: the generator was too slow",
		"e2e_p50 was measured in one run only",
		"e2e_p99 was measured in one run only",
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTooShortToJudge(t *testing.T) {
	c := compare.Compare(resulttest.Run{Seconds: 4}.Result(), resulttest.Run{Seconds: 4, Median: time.Second}.Result(), usual)
	if c.Regressed() || len(c.Warnings) == 0 || !strings.Contains(c.Warnings[len(c.Warnings)-1], "too few to judge") {
		t.Errorf("regressed %v, warnings %q", regressed(c), c.Warnings)
	}
}

func TestNothingToCompare(t *testing.T) {
	if c := compare.Compare(result.Result{}, result.Result{}, usual); c.Regressed() {
		t.Errorf("regressed %v", regressed(c))
	}
}

func regressed(c compare.Comparison) (metrics []string) {
	for _, row := range c.Rows {
		if row.Regressed {
			metrics = append(metrics, row.Metric)
		}
	}
	return metrics
}

func find(t *testing.T, c compare.Comparison, metric string) compare.Row {
	t.Helper()
	for _, row := range c.Rows {
		if row.Metric == metric {
			return row
		}
	}
	t.Fatalf("no row for %s", metric)
	return compare.Row{A: math.NaN()}
}
