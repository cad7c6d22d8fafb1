package compare

import (
	"math"

	"example.com/clew/loadtest/internal/result"
)

// A measure is a figure that can be computed for a whole run, and for seconds drawn from it.
type measure struct {
	metric     string
	higher     bool    // is better
	resolution float64 // smaller differences are ignored, whatever the tolerance
	whole      func(result.Result) float64
	of         func(*sample) float64
}

// worse returns how much worse B is at the better end of the interval; negative if it may be better.
func (m measure) worse(i Interval) float64 {
	if m.higher {
		return -i.High
	}
	return i.Low
}

var measures = [...]measure{
	{metric: "throughput", higher: true, whole: func(r result.Result) float64 { return throughput(newSample(r)) }, of: throughput},
	{metric: "http_error_rate", whole: errorRate, of: func(s *sample) float64 { return ratio(s.errors, s.ok+s.errors) }},
	{metric: "dlq_rate", whole: deadLetterRate, of: func(s *sample) float64 { return ratio(s.deadLetters, s.ok) }},
	{metric: "http_p50", whole: whole(result.HTTP, median), of: func(s *sample) float64 { return s.http.p50 }},
	{metric: "http_p99", whole: whole(result.HTTP, p99), of: func(s *sample) float64 { return s.http.p99 }},
	{metric: "add_p50", whole: whole(result.StreamAdd, median), of: func(s *sample) float64 { return s.http.p50 }},
	{metric: "add_p99", whole: whole(result.StreamAdd, p99), of: func(s *sample) float64 { return s.http.p99 }},
	{metric: "e2e_p50", whole: whole(result.EndToEnd, median), of: func(s *sample) float64 { return s.endToEnd.p50 }},
	{metric: "e2e_p99", whole: whole(result.EndToEnd, p99), of: func(s *sample) float64 { return s.endToEnd.p99 }},
	// Lag is sampled four times a second.
	{metric: "lag_seconds_max", resolution: 0.25, whole: lag, of: func(s *sample) float64 { return s.lag }},
}

func throughput(s *sample) float64 { return ratio(s.ok, float64(len(s.seconds))) }

func errorRate(r result.Result) float64 { return ratio(sum(r.Totals.Errors), float64(r.Totals.Sent)) }

func deadLetterRate(r result.Result) float64 {
	return ratio(sum(r.Totals.DeadLettered), float64(r.Totals.Accepted))
}

func whole(latency string, of func(result.Histogram) float64) func(result.Result) float64 {
	return func(r result.Result) float64 {
		if h := r.Latencies[latency]; h.Count > 0 {
			return of(h)
		}
		return math.NaN()
	}
}

func median(h result.Histogram) float64 { return h.P50 }

func p99(h result.Histogram) float64 { return h.P99 }

func lag(r result.Result) float64 {
	highest := 0.0
	for _, s := range r.Seconds {
		if !s.WarmUp {
			highest = max(highest, s.LagSeconds)
		}
	}
	return highest
}

func sum(counts map[string]int) (total float64) {
	for _, n := range counts {
		total += float64(n)
	}
	return total
}

func ratio(part, all float64) float64 {
	if all == 0 {
		return math.NaN()
	}
	return part / all
}
