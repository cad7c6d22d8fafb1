package report

import (
	"math"
	"slices"

	"example.com/clew/loadtest/internal/result"
)

// mostPoints keeps the page of a long run small: above it, several seconds become one point.
const mostPoints = 240

// fewest is the smallest range of an axis of counts, so that its ticks are whole numbers.
const fewest = 5

// A chart is one figure of the page: the picture, and the same as a table, which the script also reads.
type chart struct {
	ID, Title, About string
	Wide             bool
	X, Y             axis
	Shades           []shade
	Shapes           []shape
	Legend           []legend
	Columns          []string
	Rows             []row
}

// A shade marks a part of the run.
type shade struct {
	From, Width float64 // in percent
	Label       string
}

type legend struct{ Class, Label string }

type row struct {
	At    float64 // share of the x axis
	Cells []string
}

// A series is one value of each second in a chart.
type series struct {
	class, label string
	value        func(result.Second) float64
}

// overTimeOf draws the charts over time.
func overTimeOf(r result.Result) []chart {
	t := timeline{seconds: merge(r.Seconds), x: overTime(float64(len(r.Seconds))), each: stride(len(r.Seconds))}
	t.shade(r.Seconds)
	requests := "Requests"
	if r.Settings.Target == "stream" {
		requests = "Events, until Redis has them"
	}
	charts := []chart{
		t.lines("rate", "Rate", "a second: due, sent, and answered without an error", result.Number, fewest,
			series{"offered", "due", func(s result.Second) float64 { return float64(s.Scheduled) }},
			series{"main", "sent", func(s result.Second) float64 { return float64(s.Sent) }},
			series{"good", "answered", func(s result.Second) float64 { return float64(s.OK) }},
			series{"bad", "errors", func(s result.Second) float64 { return float64(s.Errors) }}),
		t.bands("http", requests, "from when a request was due until it was accepted",
			func(s result.Second) result.Band { return s.HTTP }),
		t.bands("e2e", "Orders, end to end", "from when a request was due until its order was finished",
			func(s result.Second) result.Band { return s.EndToEnd }),
		t.lines("lag-seconds", "Lag in seconds", "age of the oldest message not yet delivered", result.Span, 1,
			series{"main", "lag", func(s result.Second) float64 { return s.LagSeconds }}),
		t.lines("lag-messages", "Lag in messages", "messages not yet delivered", result.Number, fewest,
			series{"main", "lag", func(s result.Second) float64 { return float64(s.LagMessages) }}),
		t.lines("pending", "Under way", "not finished, and messages delivered but not acknowledged", result.Number, fewest,
			series{"offered", "in flight", func(s result.Second) float64 { return float64(s.InFlight) }},
			series{"main", "messages pending", func(s result.Second) float64 { return float64(s.Pending) }}),
		t.lines("dead-letters", "Dead letters", "since the start", result.Number, fewest,
			series{"bad", "dead letters", func(s result.Second) float64 { return float64(s.DeadLetters) }}),
	}
	charts[0].Wide = true
	return slices.DeleteFunc(charts, func(c chart) bool { return len(c.Rows) == 0 })
}

// timeline has the common parts of all charts over time.
type timeline struct {
	seconds []result.Second
	each    int // seconds in one point
	x       axis
	shades  []shade
}

func (t *timeline) shade(seconds []result.Second) {
	warmUp, drain := 0, len(seconds)
	for i, s := range seconds {
		if s.WarmUp {
			warmUp = i + 1
		}
		if s.Draining {
			drain = min(drain, i)
		}
	}
	at := func(offset int) float64 { return 100 * t.x.share(float64(offset)) }
	if warmUp > 0 {
		t.shades = append(t.shades, shade{0, at(warmUp), "warm-up"})
	}
	if drain < len(seconds) {
		t.shades = append(t.shades, shade{at(drain), 100 - at(drain), "drain"})
	}
}

func (t *timeline) chart(id, title, about string, columns ...string) chart {
	return chart{ID: id, Title: title, About: about, X: t.x, Shades: t.shades, Columns: append([]string{"time"}, columns...)}
}

// middle of the time that a point is about.
func (t *timeline) middle(s result.Second) float64 { return float64(s.Offset) + float64(t.each)/2 }

func (t *timeline) row(s result.Second, cells ...string) row {
	return row{At: math.Round(1e4*t.x.share(t.middle(s))) / 1e4, Cells: append([]string{result.Span(float64(s.Offset))}, cells...)}
}

// lines draws values from 0 to the largest, or to least if that is more.
func (t *timeline) lines(id, title, about string, label func(float64) string, least float64, all ...series) chart {
	c := t.chart(id, title, about)
	largest := least
	for _, s := range t.seconds {
		for _, one := range all {
			largest = max(largest, one.value(s))
		}
	}
	c.Y = fromZero(largest, label)
	for _, one := range all {
		c.Columns = append(c.Columns, one.label)
		c.Legend = append(c.Legend, legend{one.class, one.label})
		points := make([]point, len(t.seconds))
		for i, s := range t.seconds {
			points[i] = point{t.middle(s), one.value(s)}
		}
		c.line(one.class, points)
	}
	for _, s := range t.seconds {
		var cells []string
		for _, one := range all {
			cells = append(cells, label(one.value(s)))
		}
		c.Rows = append(c.Rows, t.row(s, cells...))
	}
	return c
}

// bands draws how latencies were spread in each second.
func (t *timeline) bands(id, title, about string, band func(result.Second) result.Band) chart {
	c := t.chart(id, title, about, "p50", "p90", "p99", "max", "count")
	smallest, largest := math.Inf(1), 0.0
	points := map[string][]point{}
	for _, s := range t.seconds {
		b := band(s)
		for name, v := range map[string]float64{"p50": b.P50, "p90": b.P90, "p99": b.P99, "max": b.Max} {
			if b.Count == 0 {
				v = math.NaN()
			}
			points[name] = append(points[name], point{t.middle(s), v})
		}
		if b.Count == 0 {
			continue
		}
		smallest, largest = min(smallest, max(b.P50, 1e-6)), max(largest, b.Max)
		c.Rows = append(c.Rows, t.row(s, result.Seconds(b.P50), result.Seconds(b.P90), result.Seconds(b.P99),
			result.Seconds(b.Max), result.Count(b.Count)))
	}
	if len(c.Rows) == 0 {
		return c
	}
	c.Y = decades(smallest, largest, result.Span)
	c.area("band-max", points["p99"], points["max"])
	c.area("band-p99", points["p90"], points["p99"])
	c.area("band-p90", points["p50"], points["p90"])
	c.line("edge", points["max"])
	c.line("main", points["p50"])
	c.Legend = []legend{{"main", "p50"}, {"band-p90", "to p90"}, {"band-p99", "to p99"}, {"band-max", "to max"}}
	return c
}

func stride(seconds int) int { return max(1, (seconds+mostPoints-1)/mostPoints) }

// merge makes one point of several seconds if there are too many: the mean of counts, the worst of the rest.
func merge(seconds []result.Second) []result.Second {
	each := stride(len(seconds))
	if each == 1 {
		return seconds
	}
	var merged []result.Second
	for start := 0; start < len(seconds); start += each {
		group := seconds[start:min(start+each, len(seconds))]
		one := group[0]
		for _, s := range group[1:] {
			one.Scheduled += s.Scheduled
			one.Sent += s.Sent
			one.OK += s.OK
			one.Errors += s.Errors
			one.HTTP, one.EndToEnd = worst(one.HTTP, s.HTTP), worst(one.EndToEnd, s.EndToEnd)
			one.InFlight = max(one.InFlight, s.InFlight)
			one.LagMessages = max(one.LagMessages, s.LagMessages)
			one.LagSeconds = max(one.LagSeconds, s.LagSeconds)
			one.Pending = max(one.Pending, s.Pending)
			one.DeadLetters = max(one.DeadLetters, s.DeadLetters)
		}
		for _, count := range []*int{&one.Scheduled, &one.Sent, &one.OK, &one.Errors} {
			*count = (*count + len(group) - 1) / len(group) // rounded up: a single error stays one
		}
		merged = append(merged, one)
	}
	return merged
}

func worst(a, b result.Band) result.Band {
	return result.Band{
		Count: a.Count + b.Count, P50: max(a.P50, b.P50), P90: max(a.P90, b.P90), P99: max(a.P99, b.P99), Max: max(a.Max, b.Max),
	}
}
