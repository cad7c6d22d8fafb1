package report_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"example.com/clew/loadtest/internal/compare"
	"example.com/clew/loadtest/internal/report"
	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/result/resulttest"
)

func TestComparisonTable(t *testing.T) {
	for name, c := range comparisons() {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := report.ComparisonTable(&out, c, false); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", name+".txt"), out.String())
			for line := range strings.Lines(out.String()) {
				if utf8.RuneCountInString(line) > 81 {
					t.Errorf("wider than 80 columns: %s", line)
				}
			}
		})
	}
}

func TestComparisonPage(t *testing.T) {
	for name, c := range comparisons() {
		var out bytes.Buffer
		if err := report.ComparisonHTML(&out, c); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		for _, row := range c.Rows {
			if !strings.Contains(got, row.Metric) {
				t.Errorf("%s: no %s", name, row.Metric)
			}
		}
		if want := strings.Count(got, `class="mark bad">worse`) > 0; want != c.Regressed() {
			t.Errorf("%s: worse %t, want %t", name, want, c.Regressed())
		}
		if strings.Contains(got, "NaN") || strings.Count(got, "<script") != 1 || strings.Contains(got, "<img") {
			t.Errorf("%s: it has what is no number, or foreign markup", name)
		}
	}
}

func comparisons() map[string]compare.Comparison {
	options := compare.Options{Tolerance: 0.05, Seed: 1}
	before := resulttest.Run{Seconds: 60, Invalid: 0.02}.Result()
	slower := resulttest.Run{Seed: 1, Seconds: 60, Median: 6 * time.Millisecond, Invalid: 0.02, Refused: 0.02, Stall: [2]int{20, 30}}.Result()
	slower.Environment.Redis, slower.Totals.Drain = "8.6.0", -1
	return map[string]compare.Comparison{
		"compare_same":    compare.Compare(before, resulttest.Run{Seed: 1, Seconds: 60, Invalid: 0.02}.Result(), options),
		"compare_worse":   compare.Compare(before, slower, options),
		"compare_other":   compare.Compare(before, stream(), options),
		"compare_hostile": compare.Compare(hostile(), before, options),
		"compare_nothing": compare.Compare(result.Result{}, result.Result{}, options),
	}
}
