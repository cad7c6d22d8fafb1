package report

import (
	"fmt"
	"io"
	"slices"

	"example.com/clew/loadtest/internal/result"
)

// HTML writes the result of a run as one self-contained page.
func HTML(w io.Writer, r result.Result) error {
	spread, err := distributions(r)
	if err != nil {
		return err
	}
	return render(w, "result.html", struct {
		result.Result
		Figures, Conditions, Counts []fact
		Charts                      []chart
		Each                        int // seconds in one point of a chart
		Percentiles                 chart
		Spread                      []distribution
		Endings                     []ending
	}{
		Result:      r,
		Figures:     figures(r),
		Conditions:  conditions(r),
		Counts:      counts(r),
		Charts:      overTimeOf(r),
		Each:        stride(len(r.Seconds)),
		Percentiles: percentiles("all", "Percentiles", spread),
		Spread:      spread,
		Endings:     endings(r),
	})
}

type fact struct{ Name, Text string }

// figures are the most important figures.
func figures(r result.Result) []fact {
	t := r.Totals
	facts := []fact{
		{"achieved rate", of(t.Sent, t.Scheduled)},
		{"errors", of(sum(t.Errors), t.Sent)},
	}
	for _, l := range latencies[1:] {
		if h := r.Latencies[l.name]; h.Count > 0 {
			facts = append(facts, fact{l.label + ", p99", result.Seconds(h.P99)})
		}
	}
	facts = append(facts, fact{"dead-lettered", of(sum(t.DeadLettered), t.Accepted)})
	if r.Settings.Target == "stream" {
		return append(facts, fact{"unfinished", result.Count(t.Unfinished)})
	}
	return append(facts, fact{"lost", result.Count(t.Lost)}, fact{"duplicated", result.Count(t.Duplicated)})
}

func conditions(r result.Result) []fact {
	s, e := r.Settings, r.Environment
	return known(
		fact{"load", s.Load()},
		fact{"target", s.Target},
		fact{"orders", s.Orders()},
		fact{"in flight", "at most " + result.Count(s.MaxInFlight)},
		fact{"seed", fmt.Sprint(s.Seed)},
		fact{"mode", e.Mode},
		fact{"machine", e.Machine()},
		fact{"generator", generator(r)},
		fact{"versions", e.Go + ", Redis " + e.Redis},
		fact{"started", r.Started.UTC().Format("2006-01-02 15:04:05 UTC")},
	)
}

// counts are the accounts besides the orders' ends.
func counts(r result.Result) []fact {
	t := r.Totals
	return known(
		fact{"due", result.Count(t.Scheduled)},
		fact{"not offered", result.Count(t.NotOffered)},
		fact{"sent", result.Count(t.Sent)},
		fact{"errors", byCount(t.Errors)},
		fact{"dead letters", byCount(t.DeadLettered)},
		fact{"duplicated", result.Count(t.Duplicated)},
		fact{"unexpected", result.Count(t.Unexpected)},
		fact{"lag", peak(r.Seconds)},
		fact{"drain", drained(t)},
	)
}

func known(facts ...fact) []fact {
	return slices.DeleteFunc(facts, func(f fact) bool { return f.Text == "" })
}
