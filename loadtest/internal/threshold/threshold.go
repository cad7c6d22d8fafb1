// Package threshold decides whether a run is good enough: a threshold is a metric of the run, an operator and a bound,
// written e2e_p99<500ms, as in k6.
package threshold

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/clew/loadtest/internal/result"
)

// Threshold is made by [Parse].
type Threshold struct {
	Metric   string
	operator string
	bound    float64 // in seconds, as a share from 0 to 1, or a count
	text     string
}

// String returns the text that was parsed, without spaces.
func (t Threshold) String() string { return t.text }

var shape = regexp.MustCompile(`^\s*(\w+)\s*([<>=!~]+)\s*(\d+(?:\.\d+)?)\s*(\S*)\s*$`)

// Parse reads METRIC OPERATOR VALUE. Times need a unit (us, ms, s), shares need %, and counts have none. The metrics are
//
//	http_p50 _p90 _p99 _p999 _max   from when a request was due until the order was accepted; http_error_rate
//	e2e_p50 …                       from when a request was due until the order was finished
//	add_p50 …, add_error_rate       the same as http_…, of target stream
//	due_to_sent_p50 …               the generator's own delay
//	achieved_rate                   sent ÷ scheduled
//	lag_seconds_max                 the largest age of the oldest undelivered message
//	drain_seconds                   from the last arrival until nothing waited
//	dlq_rate                        dead letters ÷ accepted
//	lost, duplicates                of accepted orders
//	unfinished, unexpected          orders or events, and dead letters that the mix does not imply
//
// An error is one line with the expected form.
func Parse(text string) (Threshold, error) {
	parts := shape.FindStringSubmatch(text)
	if parts == nil {
		return Threshold{}, fmt.Errorf("threshold %q: expected a metric, an operator and a value, as in e2e_p99<500ms", text)
	}
	name, operator, number, suffix := parts[1], parts[2], parts[3], parts[4]
	fail := func(format string, args ...any) (Threshold, error) {
		return Threshold{}, fmt.Errorf("threshold %q: %s", text, fmt.Sprintf(format, args...))
	}
	known := metrics()
	m, ok := known[name]
	if !ok {
		names := slices.Sorted(maps.Keys(known))
		if near, ok := nearest(name, names); ok {
			return fail("no metric is called %s; did you mean %s?", name, near)
		}
		return fail("no metric is called %s; there are %s", name, strings.Join(names, ", "))
	}
	if _, ok := compare(operator, 0, 0); !ok {
		return fail("%s is no operator; there are < <= > >= ==", operator)
	}
	exponent, ok := m.suffixes[suffix]
	if !ok {
		return fail("%s is %s, as in %s%s%s", name, m.kind, name, operator, m.example)
	}
	bound, err := strconv.ParseFloat(number+exponent, 64) // rounds once, so that 0.1% is 1 of 1000
	if err != nil {
		return fail("%s is too large a number", number)
	}
	if m.kind == share.kind && bound > 1 {
		return fail("%s is a share, and no share is over 100%%", name)
	}
	if m.kind == count.kind && bound != math.Trunc(bound) {
		return fail("%s is a count, and no count is %s", name, number)
	}
	return Threshold{Metric: name, operator: operator, bound: bound, text: name + operator + number + suffix}, nil
}

// Measured reports whether runs against a target (http or stream) measure the metric.
func (t Threshold) Measured(target string) bool {
	only := metrics()[t.Metric].target
	return only == "" || only == target
}

// Evaluate evaluates the threshold for a run, which need not be over. Without a measurement the threshold does not hold. The time
// of the crossing is known only for metrics that never fall: the highest lag, the duration of the drain, and errors and dead
// letters as shares of the whole run.
func (t Threshold) Evaluate(r result.Result) result.Threshold {
	m := metrics()[t.Metric]
	evaluated := result.Threshold{Text: t.text, Metric: t.Metric}
	if value, measured := m.value(r); measured {
		evaluated.Value, evaluated.Holds = &value, t.holds(value)
	}
	upper := t.operator == "<" || t.operator == "<="
	if evaluated.Holds || m.watch == nil || !upper {
		return evaluated
	}
	soFar := m.watch(r)
	for _, second := range r.Seconds {
		if !second.WarmUp && !t.holds(soFar(second)) {
			at := float64(second.Offset)
			evaluated.CrossedAt = &at
			break
		}
	}
	return evaluated
}

func (t Threshold) holds(value float64) bool {
	holds, _ := compare(t.operator, value, t.bound)
	return holds
}

func compare(operator string, value, bound float64) (holds, known bool) {
	switch operator {
	case "<":
		return value < bound, true
	case "<=":
		return value <= bound, true
	case ">":
		return value > bound, true
	case ">=":
		return value >= bound, true
	case "==":
		return value == bound, true
	}
	return false, false
}
