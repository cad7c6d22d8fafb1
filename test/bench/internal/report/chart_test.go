package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const chartsFolder = "../../../../docs/charts"

// The charts in docs are what make charts draws from the measurements beside them, to the byte.
func TestTheChartsInDocsShowTheirMeasurements(t *testing.T) {
	lines, err := ReadJSON(filepath.Join(chartsFolder, "growth.json"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := drawCharts(lines)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		there, err := os.ReadFile(filepath.Join(chartsFolder, name))
		if err != nil || !bytes.Equal(there, content) {
			t.Errorf("docs/charts/%s is not what its measurements give (%v): make charts BENCH_JSON=docs/charts/growth.json", name, err)
		}
		wellFormed(t, name, content)
	}
}

func wellFormed(t *testing.T, name string, content []byte) {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(content))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// grown are rows for all charts. Their units come from a file, so they may be anything.
func grown(backlogs ...float64) (lines []Line) {
	for _, c := range charts {
		for _, name := range c.rows {
			for i, value := range backlogs {
				x := []int{1000, 10_000, 100_000}[i]
				lines = append(lines, Line{Name: name + []string{"_1000", "_10000", "_100000"}[i], Unit: "<ms>", Value: &value, X: x, Of: "a & b"})
			}
		}
	}
	return lines
}

func TestAChartSaysWhatItShows(t *testing.T) {
	files, err := drawCharts(grown(0.2, 2, 20))
	if err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string][]string{
		"partitions.svg": {">0.20<", ">20<", "partitions, in &lt;ms&gt; over the number of a &amp; b: 0.20 at 1 000, 2 at 10 000, 20 at 100 000."},
		"backlog.svg":    {">claim ~ n<", ">1.00<", ">0.1<", ">100<", ">100 000<", "It grows with the power 1.00."},
	} {
		wellFormed(t, name, files[name])
		for _, want := range wants {
			if !strings.Contains(string(files[name]), want) {
				t.Errorf("%s: no %q in\n%s", name, want, files[name])
			}
		}
	}
}

func TestNoChartIsDrawnOfHalfTheRows(t *testing.T) {
	if _, err := drawCharts(grown(1)); err == nil {
		t.Error("a growth with one row is drawn")
	}
	if _, err := drawCharts(grown(1, 2)[2:]); err == nil || !strings.Contains(err.Error(), "growth_partitions_") {
		t.Errorf("%v, want that the rows of partitions are missing", err)
	}
}

func TestLabelsDoNotCoverEachOther(t *testing.T) {
	curves := []curve{{LabelY: bottom}, {LabelY: 100}, {LabelY: bottom - 1}, {LabelY: 101}}
	spreadLabels(curves)
	for i, want := range []float64{bottom, 100, bottom - labelHeight, 100 + labelHeight} {
		if curves[i].LabelY != want {
			t.Errorf("label %d is at %g, want %g", i, curves[i].LabelY, want)
		}
	}
}

func TestBarsHaveAnAxisOfRoundNumbers(t *testing.T) {
	for least, want := range map[float64]float64{1: 1, 1.1: 2, 37_800: 50_000, 55_000: 100_000, 0.03: 0.05} {
		if got := niceStep(least); got < want*0.999 || got > want*1.001 {
			t.Errorf("%g for %g, want %g", got, least, want)
		}
	}
}
