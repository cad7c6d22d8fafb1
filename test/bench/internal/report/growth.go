package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// A growth is a value over a number that grows.
type growth struct {
	name     string // of its rows, without the number
	unit, of string
	points   []point
}

type point struct{ x, y float64 }

// growthsOf are the growths in these rows, in their order. There are none of rows that have no number, or no value.
func growthsOf(lines []Line) (all []*growth) {
	named := map[string]*growth{}
	for _, l := range lines {
		if l.X == 0 || l.Value == nil {
			continue
		}
		name := strings.TrimSuffix(l.Name, fmt.Sprintf("_%d", l.X))
		g, known := named[name]
		if !known {
			g = &growth{name: name, unit: l.Unit, of: l.Of}
			named[name], all = g, append(all, g)
		}
		g.points = append(g.points, point{float64(l.X), *l.Value})
	}
	return all
}

// exponent is the power of x with which y grows: the slope of log y over log x, fitted by least squares. It is NaN for fewer
// than two numbers.
func (g *growth) exponent() float64 {
	var n, sx, sy, sxx, sxy float64
	for _, p := range g.points {
		x, y := math.Log(p.x), math.Log(p.y)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

func printGrowths(w io.Writer, all []*growth) {
	all = slices.DeleteFunc(all, func(g *growth) bool { return len(g.points) < 2 })
	if len(all) > 0 {
		fmt.Fprint(w, "\nthe power of what grows, with which a row's value grows\n")
	}
	for _, g := range all {
		fmt.Fprintf(w, "  %-28s %5.2f, of the number of %s\n", g.name, g.exponent(), g.of)
	}
}
