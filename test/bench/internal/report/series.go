package report

import (
	"fmt"
	"slices"
	"strings"
)

// A Row is one line of the table.
type Row struct {
	Name, Unit string
	Floor      string  // the row that it is divided by
	Target     float64 // of the ratio or, without a floor, of the value; 0: none
	OfValue    bool    // the target is of the value, although there is a floor
	AtMost     bool    // the target is the most that is good, not the least

	X  int    // what grows from row to row, or 0
	Of string // what it is the number of
}

// A Result is what one round of a row came to.
type Result struct {
	Value    float64            // in the row's unit
	Allocs   float64            // a message, of the measured process; Unknown for rows of several processes
	Queued   int64              // spans that the measured process has made and kept
	Exported int64              // of these, what was sent
	Dropped  int64              // spans that did not
	Extras   map[string]float64 // for the notes
}

// Unknown stands for what a row does not tell.
const Unknown = -1

// A Series is what the rounds of one row came to.
type Series struct {
	Row
	Results []Result
	Ratios  []float64 // to the floor of the same round
	Errs    []error
}

// Add adds what a round came to, and notes it among the round's results. An error costs the row this round only, but makes
// bench fail.
func (s *Series) Add(r Result, err error, round map[string]Result) {
	if err != nil {
		s.Errs = append(s.Errs, err)
		return
	}
	round[s.Name] = r
	s.Results = append(s.Results, r)
	if floor, ok := round[s.Floor]; ok {
		s.Ratios = append(s.Ratios, r.Value/floor.Value)
	}
}

// of collects one number of each round.
func (s *Series) of(number func(Result) float64) []float64 {
	numbers := make([]float64, len(s.Results))
	for i, r := range s.Results {
		numbers[i] = number(r)
	}
	return numbers
}

func value(r Result) float64    { return r.Value }
func allocs(r Result) float64   { return r.Allocs }
func exported(r Result) float64 { return float64(r.Exported) }
func dropped(r Result) float64  { return float64(r.Dropped) }

// ratio is the median of the ratios, and whether there is one: a floor has none.
func (s *Series) ratio() (float64, bool) {
	return median(s.Ratios), len(s.Ratios) > 0
}

// met says what became of the target, if there is one.
func (s *Series) met() string {
	counts := median(s.of(value))
	if s.Floor != "" && !s.OfValue {
		counts = median(s.Ratios)
	}
	switch {
	case len(s.Errs) > 0 || counts == Unknown:
		return "FAIL"
	case s.Target == 0:
		return ""
	case s.AtMost && counts <= s.Target, !s.AtMost && counts >= s.Target:
		return "yes"
	default:
		return "NO"
	}
}

func median(numbers []float64) float64 {
	if len(numbers) == 0 {
		return Unknown
	}
	sorted := slices.Sorted(slices.Values(numbers))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// Failures is the error of bench: the report has told the reasons.
func Failures(all []Series) error {
	var failed []string
	for _, s := range all {
		if s.met() == "FAIL" {
			failed = append(failed, s.Name)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return fmt.Errorf("these rows did not work: %s", strings.Join(failed, ", "))
}
