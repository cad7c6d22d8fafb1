package report

import (
	"math"
	"strconv"
	"strings"

	"example.com/clew/loadtest/internal/result"
)

// A plot is drawn in a square of this many units, which the page stretches; its lines keep their width, and its labels
// are the page's text, so that they are as legible on a phone as on a desk.
const units = 1000

// A tick is a label at a place on an axis, in percent from its start.
type tick struct {
	At    float64
	Label string
}

// Up is At for what counts from the top.
func (t tick) Up() float64 { return 100 - t.At }

// An axis maps values to shares of its length.
type axis struct {
	from, to float64
	log      bool
	Ticks    []tick
}

func (a axis) share(v float64) float64 {
	if a.log {
		return math.Log(max(v, a.from)/a.from) / math.Log(a.to/a.from)
	}
	return (v - a.from) / (a.to - a.from)
}

func (a *axis) tick(v float64, label string) {
	a.Ticks = append(a.Ticks, tick{At: math.Round(a.share(v)*1e4) / 100, Label: label})
}

// fromZero returns an axis from 0 past largest, which is above 0, with at most six ticks at round values.
func fromZero(largest float64, label func(float64) string) axis {
	step := math.Pow(10, math.Floor(math.Log10(largest/5)))
	for _, factor := range []float64{2, 2.5, 2} { // 1, 2, 5, 10
		if step*5 < largest {
			step *= factor
		}
	}
	a := axis{to: step * math.Ceil(largest/step)}
	for i := range int(math.Round(a.to/step)) + 1 {
		a.tick(float64(i)*step, label(float64(i)*step))
	}
	return a
}

// decades returns a logarithmic axis over powers of ten, for values above 0.
func decades(smallest, largest float64, label func(float64) string) axis {
	first, last := math.Floor(math.Log10(smallest)), math.Ceil(math.Log10(largest))
	last = max(last, first+1)
	a := axis{from: math.Pow(10, first), to: math.Pow(10, last), log: true}
	for exponent := first; exponent <= last; exponent++ {
		a.tick(math.Pow(10, exponent), label(math.Pow(10, exponent)))
	}
	return a
}

// overTime returns an axis of seconds with at most six ticks.
func overTime(length float64) axis {
	a := axis{to: max(length, 1)}
	step := 1.0
	for _, next := range []float64{2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 43_200, 86_400} {
		if a.to/step > 6 {
			step = next
		}
	}
	for at := 0.0; at <= a.to; at += step {
		a.tick(at, result.Span(at))
	}
	return a
}

// A point is a place in a plot. Where there is no value, y is not a number.
type point struct{ x, y float64 }

// A shape is drawn in a plot.
type shape struct {
	Class string // of the style sheet
	Path  string // SVG path data
}

func (c *chart) line(class string, points []point) {
	var path strings.Builder
	runs(points, func(start, end int) {
		c.trace(&path, 'M', points[start])
		for _, p := range points[start:end] { // the first again, so that a single one is a dot
			c.trace(&path, 'L', p)
		}
	})
	c.Shapes = append(c.Shapes, shape{class, path.String()})
}

// area fills the area between two lines with the same x.
func (c *chart) area(class string, lower, upper []point) {
	var path strings.Builder
	runs(upper, func(start, end int) {
		command := byte('M')
		for _, p := range upper[start:end] {
			c.trace(&path, command, p)
			command = 'L'
		}
		for i := end - 1; i >= start; i-- {
			c.trace(&path, 'L', lower[i])
		}
		path.WriteByte('Z')
	})
	c.Shapes = append(c.Shapes, shape{class, path.String()})
}

// runs calls draw with each stretch of points that have values.
func runs(points []point, draw func(start, end int)) {
	start := 0
	for i := range len(points) + 1 {
		if i == len(points) || math.IsNaN(points[i].y) {
			if start < i {
				draw(start, i)
			}
			start = i + 1
		}
	}
}

func (c *chart) trace(path *strings.Builder, command byte, p point) {
	path.WriteByte(command)
	path.WriteString(coordinate(c.X.share(p.x)))
	path.WriteByte(' ')
	path.WriteString(coordinate(1 - c.Y.share(p.y)))
}

func coordinate(share float64) string {
	return strconv.FormatFloat(min(max(share, 0), 1)*units, 'f', 1, 64)
}
