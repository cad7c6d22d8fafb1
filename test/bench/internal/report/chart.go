package report

import (
	"bytes"
	"cmp"
	_ "embed" // for the template
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// A chart is a picture of growths.
type chart struct {
	file, title string
	rows        []string // what their names start with
	yTitle      string   // with its unit
	xTitle      string
	logarithmic bool // both axes, and a line for each growth; else bars for the only one
}

var charts = []chart{
	{
		file: "partitions.svg", title: "What a consumer handles, by the number of partitions",
		rows: []string{"growth_partitions"}, yTitle: "messages/s", xTitle: "partitions",
	},
	{
		file: "replicas.svg", title: "Orders confirmed, by the number of replicas of inventory",
		rows: []string{"growth_replicas"}, yTitle: "orders/s", xTitle: "replicas of inventory",
	},
	{
		file: "backlog.svg", title: "Time of one operation, by the backlog that it meets",
		rows:   []string{"growth_claim", "growth_sample", "growth_purge", "growth_replay"},
		yTitle: "ms, median", xTitle: "n, entries of a stream or rows of an outbox", logarithmic: true,
	},
}

// The area that the axes enclose, in pixels.
const left, right, top, bottom = 84.0, 620.0, 76.0, 340.0

// A drawing is a chart as the template chart.svg takes it.
type drawing struct {
	Title, Description, YTitle, XTitle string
	Left, Right, Bottom                float64
	YTicks, XTicks                     []tick
	Bars                               []bar
	Curves                             []curve
}

type tick struct {
	At   float64
	Text string
}

type bar struct {
	X, Y, Width, Height, Middle float64
	Text                        string
}

type curve struct {
	Color          int
	Name, Exponent string
	Dots           []dot
	LabelY         float64
}

type dot struct{ X, Y float64 }

//go:embed chart.svg
var chartTemplate string

var drawn = template.Must(template.New("chart").Funcs(template.FuncMap{
	"px": func(pixels float64) string { return fmt.Sprintf("%.1f", pixels) },
}).Parse(chartTemplate))

// WriteCharts draws the rows into SVG files in a folder. All charts need their rows.
func WriteCharts(folder string, lines []Line) error {
	files, err := drawCharts(lines)
	if err == nil {
		err = os.MkdirAll(folder, 0o755)
	}
	for name, content := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), content, 0o644)
		}
	}
	if err != nil {
		return fmt.Errorf("draw charts: %w", err)
	}
	return nil
}

// drawCharts returns the content of each file. The same rows give the same bytes.
func drawCharts(lines []Line) (map[string][]byte, error) {
	grown, files := growthsOf(lines), map[string][]byte{}
	for _, c := range charts {
		var shown []*growth
		for _, name := range c.rows {
			i := slices.IndexFunc(grown, func(g *growth) bool { return g.name == name && len(g.points) > 1 })
			if i < 0 {
				return nil, fmt.Errorf("there are no two rows %s_…: measure them with --growth", name)
			}
			shown = append(shown, grown[i])
		}
		d := c.drawing(shown)
		if c.logarithmic {
			d.addCurves(shown)
		} else {
			d.addBars(shown[0])
		}
		var file bytes.Buffer
		if err := drawn.Execute(&file, d); err != nil {
			return nil, err
		}
		files[c.file] = file.Bytes()
	}
	return files, nil
}

// drawing has everything but what is inside the axes. Its description is for those who hear the chart.
func (c chart) drawing(shown []*growth) *drawing {
	var sentences []string
	for _, g := range shown {
		var values []string
		for _, p := range g.points {
			values = append(values, fmt.Sprintf("%s at %s", number(p.y), number(p.x)))
		}
		sentence := fmt.Sprintf("%s, in %s over the number of %s: %s.", g.short(), g.unit, g.of, strings.Join(values, ", "))
		if c.logarithmic {
			sentence += fmt.Sprintf(" It grows with the power %.2f.", g.exponent())
		}
		sentences = append(sentences, sentence)
	}
	return &drawing{
		Title: c.title, Description: strings.Join(sentences, " "), YTitle: c.yTitle, XTitle: c.xTitle,
		Left: left, Right: right, Bottom: bottom,
	}
}

// short is the name without what all have.
func (g *growth) short() string { return strings.TrimPrefix(g.name, "growth_") }

// addBars draws one growth with bars that stand at equal distances, on an axis that begins with 0.
func (d *drawing) addBars(g *growth) {
	most := 0.0
	for _, p := range g.points {
		most = max(most, p.y)
	}
	step := niceStep(most / 4)
	end := math.Ceil(most/step) * step
	y := func(value float64) float64 { return bottom - (bottom-top)*value/end }
	for value := 0.0; value <= end+step/2; value += step {
		d.YTicks = append(d.YTicks, tick{y(value), number(value)})
	}
	space := (right - left) / float64(len(g.points))
	width := space / 2
	for i, p := range g.points {
		middle := left + space*(float64(i)+0.5)
		d.XTicks = append(d.XTicks, tick{middle, number(p.x)})
		d.Bars = append(d.Bars, bar{middle - width/2, y(p.y), width, bottom - y(p.y), middle, number(p.y)})
	}
}

// niceStep is the smallest of 1, 2, 5, 10, 20, 50 … that is at least this much.
func niceStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, step := range [...]float64{1, 2, 5} {
		if step*power >= least {
			return step * power
		}
	}
	return 10 * power
}

// labelWidth is the room for the names of curves, at the right of the axes; labelHeight is the least distance of two.
const labelWidth, labelHeight = 130.0, 19.0

// addCurves draws growths on logarithmic axes with whole powers of ten. Equal powers of n look equally steep.
func (d *drawing) addCurves(all []*growth) {
	d.Right -= labelWidth
	var xs, ys []float64
	for _, g := range all {
		for _, p := range g.points {
			xs, ys = append(xs, p.x), append(ys, p.y)
		}
	}
	x := logarithmic(xs, left, d.Right, &d.XTicks)
	y := logarithmic(ys, bottom, top, &d.YTicks)
	for i, g := range all {
		c := curve{Color: i, Name: g.short(), Exponent: strings.Replace(fmt.Sprintf("%.2f", g.exponent()), "-", "−", 1)}
		for _, p := range g.points {
			c.Dots = append(c.Dots, dot{x(p.x), y(p.y)})
		}
		c.LabelY = c.Dots[len(c.Dots)-1].Y
		d.Curves = append(d.Curves, c)
	}
	spreadLabels(d.Curves)
}

// logarithmic returns the axis that has all values between two pixels, and adds a tick at each power of ten.
func logarithmic(values []float64, from, to float64, ticks *[]tick) func(float64) float64 {
	first, last := math.Floor(math.Log10(slices.Min(values))), math.Ceil(math.Log10(slices.Max(values)))
	axis := func(value float64) float64 { return from + (to-from)*(math.Log10(value)-first)/(last-first) }
	for power := first; power <= last; power++ {
		value := math.Pow(10, power)
		text := number(value)
		if value < 1 {
			text = fmt.Sprintf("%g", value)
		}
		*ticks = append(*ticks, tick{axis(value), text})
	}
	return axis
}

// spreadLabels moves labels that would cover each other apart: downwards, but not below the axis.
func spreadLabels(curves []curve) {
	order := make([]*curve, len(curves))
	for i := range curves {
		order[i] = &curves[i]
	}
	slices.SortStableFunc(order, func(a, b *curve) int { return cmp.Compare(a.LabelY, b.LabelY) })
	for i := 1; i < len(order); i++ {
		order[i].LabelY = max(order[i].LabelY, order[i-1].LabelY+labelHeight)
	}
	lowest := bottom
	for _, c := range slices.Backward(order) {
		c.LabelY = min(c.LabelY, lowest)
		lowest = c.LabelY - labelHeight
	}
}
