package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/clew/loadtest/internal/result"
)

// latencies are those that are shown, in the order in which an order has them.
var latencies = [...]struct{ name, label, class string }{
	{result.DueToSent, "due to sent", "offered"},
	{result.HTTP, "http", "main"},
	{result.StreamAdd, "add", "main"},
	{result.EndToEnd, "end to end", "other"},
}

// An ending is one of the ways in which accepted orders end. Together they add up to all accepted orders.
type ending struct {
	Name  string
	Count int
	Kind  string // of paint: good, plain, warn, bad
}

func endings(r result.Result) []ending {
	t := r.Totals
	dead := ending{"dead-lettered", sum(t.DeadLettered), "warn"}
	unfinished := ending{"unfinished", t.Unfinished, "faint"}
	if r.Settings.Target == "stream" { // an event has no end but to be processed
		return []ending{{"processed", t.Accepted - dead.Count - unfinished.Count, "good"}, dead, unfinished}
	}
	return []ending{
		{"confirmed", t.Confirmed, "good"}, {"rejected", t.Rejected, "plain"}, {"cancelled", t.Cancelled, "other"},
		dead, unfinished, {"lost", t.Lost, "bad"},
	}
}

// peak describes the largest lag after the warm-up.
func peak(seconds []result.Second) string {
	lag, messages := 0.0, 0
	for _, s := range seconds {
		if !s.WarmUp {
			lag, messages = max(lag, s.LagSeconds), max(messages, s.LagMessages)
		}
	}
	if messages == 0 {
		return "none"
	}
	return fmt.Sprintf("at most %s messages, %s old", result.Count(messages), result.Seconds(lag))
}

func drained(t result.Totals) string {
	if t.Drain < 0 {
		return "never drained"
	}
	return "drained in " + result.Seconds(t.Drain)
}

func generator(r result.Result) string {
	if len(r.Shards) > 1 {
		return fmt.Sprintf("%d, which used %.2f cores together", len(r.Shards), r.Totals.GeneratorCPU)
	}
	return fmt.Sprintf("used %.2f of %d cores", r.Totals.GeneratorCPU, r.Environment.Cores)
}

// began says whether a shard began late.
func began(s result.Shard) string {
	if s.Late == 0 {
		return ""
	}
	return result.Seconds(s.Late) + " late"
}

// finished returns how many of a shard's orders did; the end of an event is not known.
func finished(r result.Result, s result.Shard) string {
	if r.Settings.Target == "stream" {
		return "–"
	}
	return result.Count(s.Finished)
}

// measured returns the value of a threshold's metric as text.
func measured(t result.Threshold) string {
	if t.Value == nil {
		return "not measured"
	}
	return result.Value(t.Metric, *t.Value)
}

func crossed(t result.Threshold) string {
	if t.CrossedAt == nil {
		return ""
	}
	return "crossed at " + result.Span(*t.CrossedAt)
}

// byCount writes "503 12, timeout 3", the largest first.
func byCount(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		names[i] = name + " " + result.Count(counts[name])
	}
	return strings.Join(names, ", ")
}

func sum(counts map[string]int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}

// of writes n as a share of all.
func of(n, all int) string {
	if all == 0 {
		return "–"
	}
	return result.Share(float64(n) / float64(all))
}
