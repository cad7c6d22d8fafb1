// Package compare decides whether one run was worse than another, and how sure that is.
//
// Even two runs of the same program differ. How much a figure varies is estimated from the run itself: the seconds after its
// warm-up are drawn again, with replacement, as many as there were, a thousand times (bootstrap). They are drawn in short
// stretches, because a second resembles its neighbours. The interval of a difference has 95 % of the draws. It does not cover
// differences between runs, such as a warmer machine: the tolerance is for those.
package compare

import (
	"fmt"
	"math"
	"slices"

	"example.com/clew/loadtest/internal/result"
)

// Options are the options of a comparison.
type Options struct {
	Tolerance float64 // by how much a figure may be worse, as a share of it; 0.05 is usual
	Seed      uint64  // of the draws: the same seed gives the same intervals
}

// Comparison is two runs side by side.
type Comparison struct {
	A, B      result.Result // before and after
	Tolerance float64
	Rows      []Row
	Warnings  []string // one line each: reasons why the two may not be comparable
}

// Row is one figure of both runs, in seconds, as a share or a count. A figure that a run did not measure is not a
// number; one of a drain that did not end is infinite.
type Row struct {
	Metric   string // named as thresholds are, and throughput, in accepted orders a second
	A, B     float64
	Interval *Interval // of B - A; nil for what a run measures only once
	// Regressed is whether B is worse by more than the tolerance even at the better end of the interval. A figure without an
	// interval is judged only if it must not happen at all: a loss, a duplicate, a drain without end.
	Regressed bool
}

// Interval is where a difference lies in 95 of 100 cases.
type Interval struct{ Low, High float64 }

// Regressed reports whether any figure of B is worse than it was in A.
func (c Comparison) Regressed() bool {
	return slices.ContainsFunc(c.Rows, func(r Row) bool { return r.Regressed })
}

// fewest seconds after the warm-up from which an interval is taken.
const fewest = 5

// Compare compares b, the later run, with a.
func Compare(a, b result.Result, options Options) Comparison {
	c := Comparison{A: a, B: b, Tolerance: options.Tolerance, Warnings: warnings(a, b)}
	sampleA, sampleB := newSample(a), newSample(b)
	var draws [][]float64 // of each measure, the differences
	if len(sampleA.seconds) < fewest || len(sampleB.seconds) < fewest {
		c.Warnings = append(c.Warnings, fmt.Sprintf("a run has less than %d seconds after its warm-up: too few to judge", fewest))
	} else {
		draws = resample(sampleA, sampleB, options.Seed)
	}

	for i, m := range measures {
		row := Row{Metric: m.metric, A: m.whole(a), B: m.whole(b)}
		switch {
		case math.IsNaN(row.A) && math.IsNaN(row.B):
			continue
		case math.IsNaN(row.A) || math.IsNaN(row.B):
			c.Warnings = append(c.Warnings, m.metric+" was measured in one run only")
		case draws != nil && !slices.ContainsFunc(draws[i], math.IsNaN):
			row.Interval = around(row.A, row.B, m.of(sampleB)-m.of(sampleA), draws[i])
			row.Regressed = m.worse(*row.Interval) > max(options.Tolerance*row.A, m.resolution)
		}
		c.Rows = append(c.Rows, row)
	}
	c.Rows = append(c.Rows, drain(a, b))
	if a.Settings.Target != "stream" {
		c.Rows = append(c.Rows,
			count("lost", a.Totals.Lost, b.Totals.Lost), count("duplicates", a.Totals.Duplicated, b.Totals.Duplicated))
	}
	c.Rows = append(c.Rows, count("unexpected", a.Totals.Unexpected, b.Totals.Unexpected))
	return c
}

// around returns the interval of 95 % of the draws. They vary around the difference of the seconds, so the interval is moved to
// the measured difference: percentiles of seconds show how much those of a run vary, but only approximate their values.
func around(a, b, ofSeconds float64, draws []float64) *Interval {
	slices.Sort(draws)
	n := float64(len(draws) - 1)
	at := func(draw float64) float64 {
		return max(draws[int(draw)]-ofSeconds+b-a, -a) // no figure is below 0
	}
	return &Interval{Low: at(math.Floor(0.025 * n)), High: at(math.Ceil(0.975 * n))}
}

func drain(a, b result.Result) Row {
	row := Row{Metric: "drain_seconds", A: a.Totals.Drain, B: b.Totals.Drain}
	for _, drain := range []*float64{&row.A, &row.B} {
		if *drain < 0 {
			*drain = math.Inf(1)
		}
	}
	row.Regressed = math.IsInf(row.B, 1) && !math.IsInf(row.A, 1)
	return row
}

func count(metric string, a, b int) Row {
	return Row{Metric: metric, A: float64(a), B: float64(b), Regressed: b > a}
}
