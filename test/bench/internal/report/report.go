// Package report is what bench says: rows, what their rounds came to, and on which machine. It draws charts of what grows.
package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Print prints the table and the notes, both at most 100 columns wide.
func Print(w io.Writer, all []Series, machine []string) {
	const line = "%-28s %10s %-13s %5s %9s %-4s %6s %8s %9s\n"
	fmt.Fprintf(w, line, "row", "median", "unit", "ratio", "target", "met", "allocs", "exported", "dropped")
	for _, s := range all {
		ratio, target := "", ""
		if r, ok := s.ratio(); ok {
			ratio = fmt.Sprintf("%.2f", r)
		}
		if s.Target != 0 {
			target = "≥ " + number(s.Target)
			if s.AtMost {
				target = "≤ " + number(s.Target)
			}
		}
		fmt.Fprintf(w, line, s.Name, number(median(s.of(value))), s.Unit, ratio, target, s.met(),
			number(median(s.of(allocs))), number(median(s.of(exported))), number(slices.Max(append(s.of(dropped), Unknown))))
	}
	fmt.Fprint(w, "\nRatios are to the floor of the same round. Allocations are a message's. Dropped are the most of a\n"+
		"round.\n")
	for _, text := range machine {
		fmt.Fprintln(w, text)
	}
	fmt.Fprint(w, "\nleast to most of the rounds\n")
	for _, s := range all {
		if len(s.Results) > 0 {
			fmt.Fprintf(w, "  %-28s %s\n", s.Name, spread(s))
		}
		for _, name := range s.extras() {
			median := number(median(s.of(func(r Result) float64 { return r.Extras[name] })))
			fmt.Fprintf(w, "  %-28s   %s %s\n", "", median, name)
		}
	}
	printGrowths(w, growthsOf(linesOf(all)))
	for _, s := range all {
		for _, err := range s.Errs {
			fmt.Fprintf(w, "\nFAILED %s: %v\n", s.Name, err)
		}
	}
}

func spread(s Series) string {
	values := s.of(value)
	text := number(slices.Min(values)) + " to " + number(slices.Max(values)) + " " + s.Unit
	if len(s.Ratios) > 0 {
		text += fmt.Sprintf(", ratio %.2f to %.2f", slices.Min(s.Ratios), slices.Max(s.Ratios))
	}
	return text
}

// extras are the names of what the results tell besides.
func (s Series) extras() []string {
	names := map[string]bool{}
	for _, r := range s.Results {
		for name := range r.Extras {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// number prints what is Unknown as a dash, and large numbers with their thousands apart.
func number(n float64) string {
	switch {
	case n == Unknown:
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
