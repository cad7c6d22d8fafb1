// Package schedule computes when arrivals are due, and waits for them.
//
// A [Plan] is an open loop: it is fixed before the run, and does not depend on the target. k6 calls this an arrival-rate
// executor, vegeta a pacer.
package schedule

import (
	"iter"
	"math"
	"math/rand/v2"
	"time"
)

// Stage is a time during which the rate moves evenly from one value to another, in arrivals a second.
type Stage struct {
	Duration time.Duration
	From, To float64
}

// Plan is stages, one after the other. Durations and rates must not be negative.
type Plan struct {
	Stages  []Stage
	Poisson bool   // gaps are random, as between independent customers; otherwise they are even
	Seed    uint64 // of the gaps; the same seed gives the same arrivals
}

// Duration returns the duration of all stages together.
func (p Plan) Duration() time.Duration {
	var sum time.Duration
	for _, s := range p.Stages {
		sum += s.Duration
	}
	return sum
}

// Peak returns the highest rate.
func (p Plan) Peak() float64 {
	peak := 0.0
	for _, s := range p.Stages {
		peak = max(peak, s.From, s.To)
	}
	return peak
}

// Arrivals returns the offsets from the start at which arrivals are due, in ascending order.
//
// Both kinds divide the area under the rate's curve: an even plan into pieces of 1, with an arrival in the middle of
// each, so that any stretch has as many arrivals as its area, give or take one; a Poisson plan into pieces of
// exponential size with a mean of 1, which is a Poisson process also while the rate changes.
func (p Plan) Arrivals() iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		next, area := func() float64 { return 1 }, 0.5
		if p.Poisson {
			next = rand.New(rand.NewPCG(p.Seed, 0)).ExpFloat64
			area = next()
		}
		var start time.Duration
		for _, s := range p.Stages {
			for ; area < s.area(); area += next() {
				if !yield(start + s.offset(area)) {
					return
				}
			}
			area -= s.area()
			start += s.Duration
		}
	}
}

// area is the number of arrivals in the stage.
func (s Stage) area() float64 { return (s.From + s.To) / 2 * s.Duration.Seconds() }

// slope is the change of the rate in a second.
func (s Stage) slope() float64 { return (s.To - s.From) / s.Duration.Seconds() }

// offset is the time at which the area since the stage's start is the given one: it solves From·t + slope·t²/2 = area for t. The
// usual formula divides by the slope, which may be 0, and loses digits if it is small; this one does neither.
func (s Stage) offset(area float64) time.Duration {
	if area == 0 { // as when the last stage ended where this arrival is due; from a rate of 0 it would divide by 0
		return 0
	}
	root := math.Sqrt(max(0, s.From*s.From+2*s.slope()*area))
	return min(s.Duration, time.Duration(2*area/(s.From+root)*float64(time.Second)))
}
