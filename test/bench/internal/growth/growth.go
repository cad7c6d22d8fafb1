// Package growth has operations of messaging that meet a backlog, and measures the time of one while the backlog grows. Each
// is a child's role; Job.Backlog is how many entries or rows the operation meets.
package growth

import (
	"slices"
	"time"

	"example.com/clew/test/bench/internal/report"
)

// least is how often an operation is repeated, at the least, for its median.
const least = 9

// result is the median of repetitions, in ms.
func result(times []time.Duration) report.Result {
	ms := make([]float64, len(times))
	for i, t := range times {
		ms[i] = float64(t) / float64(time.Millisecond)
	}
	slices.Sort(ms)
	return report.Result{
		Value: ms[len(ms)/2], Allocs: report.Unknown, Exported: report.Unknown, Dropped: report.Unknown,
		Extras: map[string]float64{"ms for the slowest repetition": ms[len(ms)-1], "repetitions": float64(len(ms))},
	}
}
