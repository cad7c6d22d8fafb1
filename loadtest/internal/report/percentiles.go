package report

import (
	"fmt"
	"math"
	"strconv"

	"github.com/HdrHistogram/hdrhistogram-go"

	"example.com/clew/loadtest/internal/result"
)

// A distribution has all values of a latency.
type distribution struct {
	Class, Label string
	Count        int
	result.Histogram
	values *hdrhistogram.Histogram // microseconds
}

func distributions(r result.Result) (all []distribution, err error) {
	for _, l := range latencies {
		if h := r.Latencies[l.name]; h.Count > 0 {
			d, err := distributed(l.class, l.label, h)
			if err != nil {
				return nil, err
			}
			all = append(all, d)
		}
	}
	return all, nil
}

func distributed(class, label string, h result.Histogram) (distribution, error) {
	values, err := h.Decode()
	if err != nil {
		return distribution{}, fmt.Errorf("latency %s: %w", label, err)
	}
	return distribution{class, label, int(h.Count), h, values}, nil
}

// percentiles draws the share of the requests against the time that they took at most. Each further nine on the x axis is the
// slowest tenth of those before, so that the few slow ones get as much room as the others.
func percentiles(id, title string, all []distribution) chart {
	c := chart{
		ID: id + "-percentiles", Title: title, Wide: true,
		About:   "what share took at most how long; each further nine is the slowest tenth of those before",
		Columns: []string{"share"},
	}
	if len(all) == 0 {
		return c
	}
	most, shortest, longest := 1.0, math.Inf(1), 0.0
	for _, d := range all {
		c.Legend = append(c.Legend, legend{d.Class, d.Label})
		c.Columns = append(c.Columns, d.Label)
		most = max(most, float64(d.Count))
		shortest, longest = min(shortest, float64(d.values.Min())/1e6), max(longest, d.Max)
	}
	nines := max(1, math.Ceil(math.Log10(most))) // which one request is a share of
	c.X = axis{to: nines}
	c.Y = decades(max(shortest, 1e-6), longest, result.Span)
	for n := range int(nines) + 1 {
		c.X.tick(float64(n), percent(float64(n)))
	}

	const steps = 40 // a nine
	for _, d := range all {
		var points []point
		for i := 0.0; math.Pow(10, i/steps) <= float64(d.Count); i++ {
			points = append(points, point{i / steps, d.at(i / steps)})
		}
		c.line(d.Class, points)
	}
	for _, n := range []float64{math.Log10(2), math.Log10(4), 1, math.Log10(20), 2, 3, 4, 5, 6} {
		if math.Pow(10, n) > most {
			break
		}
		cells := []string{percent(n)}
		for _, d := range all {
			cells = append(cells, result.Seconds(d.at(n)))
		}
		c.Rows = append(c.Rows, row{At: n / nines, Cells: cells})
	}
	return c
}

// at returns the largest time in seconds of all but 0.1 to the power of nines of the values.
func (d distribution) at(nines float64) float64 {
	return float64(d.values.ValueAtPercentile(100*(1-math.Pow(10, -nines)))) / 1e6
}

func percent(nines float64) string {
	return strconv.FormatFloat(100*(1-math.Pow(10, -nines)), 'g', 8, 64) + "%"
}
