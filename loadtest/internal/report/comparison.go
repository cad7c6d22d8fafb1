package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"example.com/clew/loadtest/internal/compare"
	"example.com/clew/loadtest/internal/result"
)

// ComparisonTable writes two runs side by side, for a terminal of 80 columns.
func ComparisonTable(w io.Writer, c compare.Comparison, colour bool) error {
	t := table{colour: colour}
	verdict := t.paint(green, "NO WORSE")
	if c.Regressed() {
		verdict = t.paint(red, "WORSE")
	}
	t.line("%s  %s", verdict, t.paint(bold, conclusion(c)))
	t.line("")
	for i, r := range []result.Result{c.A, c.B} {
		t.entry(string(rune('A'+i)), fmt.Sprintf("%s: %s, %s (%s)",
			r.Scenario, r.Settings.Load(), r.Started.UTC().Format("2006-01-02 15:04 UTC"), r.Verdict))
	}
	label := "note"
	for _, warning := range c.Warnings {
		t.entry(label, warning)
		label = ""
	}
	t.line("")
	t.line("%-17s%11s%11s%12s  %-20s", "", "A", "B", "difference", "95% interval")
	for _, row := range c.Rows {
		shown := compared(row)
		mark := ""
		if row.Regressed {
			mark = t.paint(red, "worse")
		}
		t.line("%-17s%11s%11s%12s  %-20s%s", row.Metric, shown.A, shown.B, shown.Difference, shown.Interval, mark)
	}
	_, err := w.Write(t.out.Bytes())
	return err
}

// ComparisonHTML writes two runs side by side as one self-contained page.
func ComparisonHTML(w io.Writer, c compare.Comparison) error {
	var charts []chart
	for _, l := range latencies[1:] {
		var both []distribution
		for i, r := range []result.Result{c.A, c.B} {
			if h := r.Latencies[l.name]; h.Count > 0 {
				d, err := distributed([]string{"offered", "main"}[i], string(rune('A'+i)), h)
				if err != nil {
					return err
				}
				both = append(both, d)
			}
		}
		if len(both) > 0 {
			charts = append(charts, percentiles(l.name, l.label, both))
		}
	}
	var rows []figure
	for _, row := range c.Rows {
		rows = append(rows, compared(row))
	}
	return render(w, "comparison.html", struct {
		Worse      bool
		Conclusion string
		Warnings   []string
		Runs       []run
		Rows       []figure
		Charts     []chart
	}{c.Regressed(), conclusion(c), c.Warnings, []run{{"A", c.A, conditions(c.A)}, {"B", c.B, conditions(c.B)}}, rows, charts})
}

type run struct {
	Name string
	result.Result
	Conditions []fact
}

// A figure is a row of a comparison, as it is shown.
type figure struct {
	compare.Row
	A, B, Difference, Interval string
}

func compared(r compare.Row) figure {
	shown := figure{Row: r, A: value(r.Metric, r.A), B: value(r.Metric, r.B), Difference: "–", Interval: "–"}
	difference := r.B - r.A
	if math.IsNaN(difference) || math.IsInf(difference, 0) {
		return shown
	}
	// A difference is shown as a share of the first value, unless that is itself a share, or close to 0.
	show := func(d float64) string { return signed(d, value(r.Metric, math.Abs(d))) }
	switch {
	case strings.HasSuffix(r.Metric, "_rate"):
		show = func(d float64) string { return signed(d, fmt.Sprintf("%.2fpp", math.Abs(100*d))) }
	case r.Interval != nil && max(math.Abs(r.Interval.Low), math.Abs(r.Interval.High)) < 10*r.A:
		show = func(d float64) string { return signed(d, fmt.Sprintf("%.1f%%", math.Abs(100*d/r.A))) }
	}
	shown.Difference = show(difference)
	if r.Interval != nil {
		shown.Interval = show(r.Interval.Low) + " to " + show(r.Interval.High)
	}
	return shown
}

func value(metric string, v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case math.IsInf(v, 1):
		return "never"
	case metric == "throughput":
		return result.Number(v) + "/s"
	}
	return result.Value(metric, v)
}

func signed(v float64, text string) string {
	switch {
	case v > 0:
		return "+" + text
	case v < 0:
		return "−" + text
	}
	return text
}

func conclusion(c compare.Comparison) string {
	worse := 0
	for _, row := range c.Rows {
		if row.Regressed {
			worse++
		}
	}
	if worse == 0 {
		return fmt.Sprintf("B is in no figure surely worse than A by more than %s", result.Share(c.Tolerance))
	}
	return fmt.Sprintf("B is worse than A by more than %s in %d of %d figures", result.Share(c.Tolerance), worse, len(c.Rows))
}
