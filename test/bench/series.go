package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// A series is what the rounds of one row came to.
type series struct {
	row
	results []result
	ratios  []float64 // to the floor of the same round
	errs    []error
}

// add measures one round. An error costs the row this round only, but makes bench fail.
func (s *series) add(ctx context.Context, b *bench) {
	r, err := s.measure(ctx, b)
	if err != nil {
		s.errs = append(s.errs, err)
		return
	}
	b.results[s.name] = r
	s.results = append(s.results, r)
	if floor, ok := b.results[s.floor]; ok {
		s.ratios = append(s.ratios, r.Value/floor.Value)
	}
}

// of collects one number of each round.
func (s *series) of(number func(result) float64) []float64 {
	numbers := make([]float64, len(s.results))
	for i, r := range s.results {
		numbers[i] = number(r)
	}
	return numbers
}

func value(r result) float64    { return r.Value }
func allocs(r result) float64   { return r.Allocs }
func exported(r result) float64 { return float64(r.Exported) }
func dropped(r result) float64  { return float64(r.Dropped) }

// ratio is the median of the ratios, and whether there is one. A floor's is 1.
func (s *series) ratio() (float64, bool) {
	if s.target == 0 {
		return 1, len(s.results) > 0
	}
	return median(s.ratios), len(s.ratios) > 0
}

// met says what became of the target, if there is one.
func (s *series) met() string {
	counts := median(s.of(value))
	if s.floor != "" && !s.ofValue {
		counts = median(s.ratios)
	}
	switch {
	case len(s.errs) > 0 || counts == unknown:
		return "FAIL"
	case s.target == 0:
		return ""
	case s.atMost && counts <= s.target, !s.atMost && counts >= s.target:
		return "yes"
	default:
		return "NO"
	}
}

func median(numbers []float64) float64 {
	if len(numbers) == 0 {
		return unknown
	}
	sorted := slices.Sorted(slices.Values(numbers))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// failures is the error of bench: the report has told the reasons.
func failures(all []series) error {
	var failed []string
	for _, s := range all {
		if s.met() == "FAIL" {
			failed = append(failed, s.name)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return fmt.Errorf("these rows did not work: %s", strings.Join(failed, ", "))
}
