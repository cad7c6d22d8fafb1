package threshold

import "example.com/clew/loadtest/internal/result"

// unit is the unit of a metric. A threshold on it has one of the suffixes.
type unit struct {
	kind     string            // for messages
	suffixes map[string]string // to the exponent that makes the value seconds, a share or a count
	example  string
}

var (
	duration = unit{"a time and needs us, ms or s", map[string]string{"us": "e-6", "ms": "e-3", "s": "e0"}, "500ms"}
	share    = unit{"a share and needs %", map[string]string{"%": "e-2"}, "0.1%"}
	count    = unit{"a count and has no unit", map[string]string{"": "e0"}, "0"}
)

// metric is a metric for thresholds.
type metric struct {
	unit
	target string // the only target that measures it, or empty
	value  func(result.Result) (value float64, measured bool)

	// watch, if not nil, returns a function that gives the metric's value after each second in turn. The value never falls, so
	// a crossed threshold stays crossed. Percentiles and other shares can return within their bounds, and losses are known
	// only at the end: these have no watch.
	watch func(result.Result) func(result.Second) float64
}

// metrics returns all metrics, by name.
func metrics() map[string]metric {
	all := map[string]metric{
		"http_error_rate": {unit: share, target: "http", value: errorRate, watch: watchErrors},
		"add_error_rate":  {unit: share, target: "stream", value: errorRate, watch: watchErrors},
		"achieved_rate":   {unit: share, value: achievedRate},
		"dlq_rate":        {unit: share, value: dlqRate, watch: watchDeadLetters},
		"lag_seconds_max": {unit: duration, value: lagMax, watch: watchLag},
		"drain_seconds":   {unit: duration, value: drain, watch: watchDrain},
		"unfinished":      total("", func(t result.Totals) int { return t.Unfinished }),
		"unexpected":      total("", func(t result.Totals) int { return t.Unexpected }),
		"lost":            total("http", func(t result.Totals) int { return t.Lost }),
		"duplicates":      total("http", func(t result.Totals) int { return t.Duplicated }),
	}
	percentiles := map[string]func(result.Histogram) float64{
		"_p50":  func(h result.Histogram) float64 { return h.P50 },
		"_p90":  func(h result.Histogram) float64 { return h.P90 },
		"_p99":  func(h result.Histogram) float64 { return h.P99 },
		"_p999": func(h result.Histogram) float64 { return h.P999 },
		"_max":  func(h result.Histogram) float64 { return h.Max },
	}
	targets := map[string]string{
		result.DueToSent: "", result.HTTP: "http", result.EndToEnd: "http", result.StreamAdd: "stream",
	}
	for latency, target := range targets {
		for suffix, of := range percentiles {
			all[latency+suffix] = metric{unit: duration, target: target, value: func(r result.Result) (float64, bool) {
				h := r.Latencies[latency]
				return of(h), h.Count > 0
			}}
		}
	}
	return all
}

func total(target string, of func(result.Totals) int) metric {
	return metric{unit: count, target: target, value: func(r result.Result) (float64, bool) {
		return float64(of(r.Totals)), r.Totals.Sent > 0
	}}
}

func errorRate(r result.Result) (float64, bool) { return ratio(sum(r.Totals.Errors), r.Totals.Sent) }

func achievedRate(r result.Result) (float64, bool) { return ratio(r.Totals.Sent, r.Totals.Scheduled) }

func dlqRate(r result.Result) (float64, bool) {
	return ratio(sum(r.Totals.DeadLettered), r.Totals.Accepted)
}

// lagMax includes the drain: the messages that wait longest then are from the load.
func lagMax(r result.Result) (highest float64, measured bool) {
	for _, s := range r.Seconds {
		if !s.WarmUp {
			highest, measured = max(highest, s.LagSeconds), true
		}
	}
	return highest, measured
}

func drain(r result.Result) (float64, bool) {
	return r.Totals.Drain, r.Totals.Drain >= 0 && r.Totals.Sent > 0
}

func watchLag(result.Result) func(result.Second) float64 {
	highest := 0.0
	return func(s result.Second) float64 {
		highest = max(highest, s.LagSeconds)
		return highest
	}
}

func watchDrain(result.Result) func(result.Second) float64 {
	draining := 0.0
	return func(s result.Second) float64 {
		if s.Draining {
			draining++
		}
		return draining
	}
}

// watchErrors divides the errors so far by all requests of the run: one error in the first second is not 100 %.
func watchErrors(r result.Result) func(result.Second) float64 {
	errors := 0.0
	return func(s result.Second) float64 {
		errors += float64(s.Errors)
		return errors / float64(max(r.Totals.Sent, 1))
	}
}

func watchDeadLetters(r result.Result) func(result.Second) float64 {
	return func(s result.Second) float64 {
		return float64(s.DeadLetters) / float64(max(r.Totals.Accepted, 1))
	}
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

func ratio(part, whole int) (float64, bool) {
	if whole == 0 {
		return 0, false
	}
	return float64(part) / float64(whole), true
}
