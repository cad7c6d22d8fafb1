package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// report prints the table and the notes, both at most 100 columns wide.
func report(w io.Writer, all []series, machine []string) {
	const line = "%-28s %10s %-11s %5s %9s %-4s %6s %8s %9s\n"
	fmt.Fprintf(w, line, "row", "median", "unit", "ratio", "target", "met", "allocs", "exported", "dropped")
	for _, s := range all {
		ratio, target := "", ""
		if r, ok := s.ratio(); ok {
			ratio = fmt.Sprintf("%.2f", r)
		}
		if s.target != 0 {
			target = "≥ " + number(s.target)
			if s.atMost {
				target = "≤ " + number(s.target)
			}
		}
		fmt.Fprintf(w, line, s.name, number(median(s.of(value))), s.unit, ratio, target, s.met(),
			number(median(s.of(allocs))), number(median(s.of(exported))), number(slices.Max(append(s.of(dropped), unknown))))
	}
	fmt.Fprint(w, "\nRatios are to the floor of the same round. Allocations are a message's. Dropped are the most of a\n"+
		"round.\n")
	for _, text := range machine {
		fmt.Fprintln(w, text)
	}
	fmt.Fprint(w, "\nleast to most of the rounds\n")
	for _, s := range all {
		if len(s.results) > 0 {
			fmt.Fprintf(w, "  %-28s %s\n", s.name, spread(s))
		}
		for _, name := range s.extras() {
			median := number(median(s.of(func(r result) float64 { return r.Extras[name] })))
			fmt.Fprintf(w, "  %-28s   %s %s\n", "", median, name)
		}
	}
	for _, s := range all {
		for _, err := range s.errs {
			fmt.Fprintf(w, "\nFAILED %s: %v\n", s.name, err)
		}
	}
}

func spread(s series) string {
	values := s.of(value)
	text := number(slices.Min(values)) + " to " + number(slices.Max(values)) + " " + s.unit
	if len(s.ratios) > 0 {
		text += fmt.Sprintf(", ratio %.2f to %.2f", slices.Min(s.ratios), slices.Max(s.ratios))
	}
	return text
}

// extras are the names of what the results tell besides.
func (s series) extras() []string {
	names := map[string]bool{}
	for _, r := range s.results {
		for name := range r.Extras {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// number prints what is unknown as a dash, and large numbers with their thousands apart.
func number(n float64) string {
	switch {
	case n == unknown:
		return "-"
	case n < 10:
		return strings.TrimSuffix(fmt.Sprintf("%.2f", n), ".00")
	case n < 100:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0")
	}
	text := fmt.Sprintf("%.0f", n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}

// writeJSON writes the medians for other programs. What was not measured has no value, and no ratio has what has no floor.
func writeJSON(path string, all []series) error {
	type line struct {
		Name  string   `json:"name"`
		Value *float64 `json:"value"`
		Unit  string   `json:"unit"`
		Ratio *float64 `json:"ratio"`
	}
	lines := make([]line, len(all))
	for i, s := range all {
		lines[i] = line{Name: s.name, Unit: s.unit}
		if len(s.results) > 0 {
			value := median(s.of(value))
			lines[i].Value = &value
		}
		if ratio, ok := s.ratio(); ok {
			lines[i].Ratio = &ratio
		}
	}
	data, err := json.MarshalIndent(lines, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(data, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("BENCH_JSON: %w", err)
	}
	return nil
}
