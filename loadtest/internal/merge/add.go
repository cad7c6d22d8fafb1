package merge

import (
	"fmt"
	"maps"
	"slices"

	"example.com/clew/loadtest/internal/result"
)

func totals(parts []Part) result.Totals {
	all := result.Totals{Errors: map[string]int{}, DeadLettered: map[string]int{}}
	for _, p := range parts {
		t := p.Totals
		all.Scheduled += t.Scheduled
		all.NotOffered += t.NotOffered
		all.Sent += t.Sent
		all.Accepted += t.Accepted
		all.WarmUp += t.WarmUp
		all.Confirmed += t.Confirmed
		all.Rejected += t.Rejected
		all.Cancelled += t.Cancelled
		all.Lost += t.Lost
		all.Duplicated += t.Duplicated
		all.Unexpected += t.Unexpected
		all.GeneratorCPU += t.GeneratorCPU
		for kind, n := range t.Errors {
			all.Errors[kind] += n
		}
		together := func(a, b int) int { return a + b }
		if p.Settings.Target == "stream" {
			together = func(a, b int) int { return max(a, b) }
		}
		all.Unfinished = together(all.Unfinished, t.Unfinished)
		for reason, n := range t.DeadLettered {
			all.DeadLettered[reason] = together(all.DeadLettered[reason], n)
		}
		if all.Drain < 0 || t.Drain < 0 { // it never drained
			all.Drain = -1
		} else {
			all.Drain = max(all.Drain, t.Drain)
		}
		all.Examples = append(all.Examples, t.Examples...)
	}
	all.Examples = all.Examples[:min(examples, len(all.Examples))]
	return all
}

func latencies(parts []Part) (map[string]result.Histogram, error) {
	parted := map[string][]result.Histogram{}
	for _, p := range parts {
		for name, h := range p.Latencies {
			parted[name] = append(parted[name], h)
		}
	}
	all := map[string]result.Histogram{}
	for _, name := range slices.Sorted(maps.Keys(parted)) {
		h, err := result.MergeHistograms(parted[name])
		if err != nil {
			return nil, fmt.Errorf("merge the latencies %s: %w", name, err)
		}
		all[name] = h
	}
	return all, nil
}

// seconds merges what the parts have of each second. A shard with fewer of them had less to wait for.
func seconds(parts []Part) ([]result.Second, error) {
	var all []result.Second
	for offset := 0; ; offset++ {
		var parted []result.Second
		for _, p := range parts {
			if offset < len(p.Seconds) {
				parted = append(parted, p.Seconds[offset])
			}
		}
		if len(parted) == 0 {
			return all, nil
		}
		s, err := second(parted)
		if err != nil {
			return nil, fmt.Errorf("merge second %d: %w", offset, err)
		}
		all = append(all, s)
	}
}

func second(parted []result.Second) (result.Second, error) {
	all := result.Second{Offset: parted[0].Offset, WarmUp: parted[0].WarmUp, Draining: parted[0].Draining}
	var http, endToEnd []result.Band
	for _, s := range parted {
		all.Scheduled += s.Scheduled
		all.NotOffered += s.NotOffered
		all.Sent += s.Sent
		all.OK += s.OK
		all.Errors += s.Errors
		all.Finished += s.Finished
		all.InFlight += s.InFlight
		all.LagMessages = max(all.LagMessages, s.LagMessages)
		all.LagSeconds = max(all.LagSeconds, s.LagSeconds)
		all.Pending = max(all.Pending, s.Pending)
		all.DeadLetters = max(all.DeadLetters, s.DeadLetters)
		http, endToEnd = append(http, s.HTTP), append(endToEnd, s.EndToEnd)
	}
	var err error
	if all.HTTP, err = result.MergeBands(http); err != nil {
		return all, err
	}
	all.EndToEnd, err = result.MergeBands(endToEnd)
	return all, err
}
