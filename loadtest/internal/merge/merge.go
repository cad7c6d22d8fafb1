// Package merge makes one result of those of several shards, as if one generator had offered the whole schedule.
//
//   - Counts are added, and histograms are merged: a percentile of the whole cannot be computed from those of its parts.
//   - Lag, messages pending, dead letters since the start and the drain are the system's. Each shard sees them whole, at its own
//     moments, so the largest that one saw is taken. So are the events of target stream that were dead-lettered or still wait:
//     they are nobody's.
//   - The thresholds are evaluated anew.
package merge

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/threshold"
)

// Part is the result of a shard, and the file that has it.
type Part struct {
	Path string
	result.Result
}

const (
	slowest  = 10
	examples = 10
)

// Merge merges the results of a run's shards; there must be at least one. The merged result is not judged if a shard is missing or
// was not judged. It returns an error, of one line, if the parts are not of one run, or a file is damaged.
func Merge(parts []Part) (result.Result, error) {
	if err := check(parts); err != nil {
		return result.Result{}, err
	}
	parts = slices.SortedFunc(slices.Values(parts), func(a, b Part) int {
		return cmp.Compare(a.Shards[0].Number, b.Shards[0].Number)
	})
	first := parts[0]
	all := result.Result{
		Version: result.Version, Scenario: first.Scenario, Started: first.Started, Settings: first.Settings,
		Environment: result.Environment{Mode: first.Environment.Mode, Go: first.Environment.Go, Redis: first.Environment.Redis},
		Totals:      totals(parts),
	}
	for _, p := range parts {
		all.Shards = append(all.Shards, p.Shards...)
		all.Slowest = append(all.Slowest, p.Slowest...)
	}
	slices.SortStableFunc(all.Slowest, func(a, b result.Order) int { return cmp.Compare(b.EndToEnd, a.EndToEnd) })
	all.Slowest = all.Slowest[:min(slowest, len(all.Slowest))]
	var err error
	if all.Latencies, err = latencies(parts); err != nil {
		return result.Result{}, err
	}
	if all.Seconds, err = seconds(parts); err != nil {
		return result.Result{}, err
	}
	return all, judge(&all, parts)
}

func judge(all *result.Result, parts []Part) error {
	var thresholds []threshold.Threshold
	for _, t := range parts[0].Thresholds {
		parsed, err := threshold.Parse(t.Text)
		if err != nil {
			return fmt.Errorf("%s: %w", parts[0].Path, err)
		}
		thresholds = append(thresholds, parsed)
	}
	remarks, judged := missing(all.Shards), len(all.Shards) == all.Shards[0].Of
	for _, p := range parts {
		if p.Reason != "" {
			remarks = append(remarks, fmt.Sprintf("shard %s: %s", p.Shards[0].Name(), p.Reason))
		}
		judged = judged && p.Verdict != result.NotJudged
	}
	if !judged {
		threshold.Judge(all, thresholds, errors.New(strings.Join(remarks, "; ")))
		return nil
	}
	threshold.Judge(all, thresholds, nil)
	if all.Reason != "" {
		remarks = append(remarks, all.Reason)
	}
	all.Reason = strings.Join(remarks, "; ")
	return nil
}

// missing says which shards are missing, if some are.
func missing(shards []result.Shard) []string {
	var names []string
	for number := 1; number <= shards[0].Of; number++ {
		if !slices.ContainsFunc(shards, func(s result.Shard) bool { return s.Number == number }) {
			names = append(names, result.Shard{Number: number, Of: shards[0].Of}.Name())
		}
	}
	switch len(names) {
	case 0:
		return nil
	case 1:
		return []string{"shard " + names[0] + " is missing"}
	}
	return []string{"shards " + strings.Join(names, ", ") + " are missing"}
}
