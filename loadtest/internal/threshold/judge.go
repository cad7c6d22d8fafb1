package threshold

import (
	"fmt"
	"time"

	"example.com/clew/loadtest/internal/result"
)

// tooLate is the largest delay of the generator: above it, the latencies are its own rather than the target's.
const tooLate = 50 * time.Millisecond

// Judge evaluates the thresholds for a run that is over, and fills in its verdict and the reason if it cannot be judged. doubt, if
// not nil, is such a reason: why the measurements are not all of the scenario.
func Judge(r *result.Result, thresholds []Threshold, doubt error) {
	for _, t := range thresholds {
		r.Thresholds = append(r.Thresholds, t.Evaluate(*r))
	}
	late := r.Latencies[result.DueToSent]
	r.Verdict = result.NotJudged
	switch {
	case doubt != nil:
		r.Reason = doubt.Error()
	case r.Totals.Sent == 0:
		r.Reason = "nothing was sent after the warm-up"
	case r.Totals.Accepted == 0:
		r.Reason = "the target accepted nothing: " + result.Refusals(r.Totals.Errors)
	case late.P99 > tooLate.Seconds():
		r.Reason = fmt.Sprintf("the generator could not keep up: it was late by %s (p99), expected at most %s; "+
			"offer less, or free the processor", result.Seconds(late.P99), tooLate)
	default:
		r.Verdict = result.Passed
	}
	for _, t := range r.Thresholds {
		if !t.Holds && r.Verdict == result.Passed {
			r.Verdict = result.Failed
		}
	}
}
