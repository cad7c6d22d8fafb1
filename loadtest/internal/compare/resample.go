package compare

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"example.com/clew/loadtest/internal/result"
)

const draws = 1000

// resample draws the seconds of both runs again and returns, for each measure, the differences that come out.
func resample(a, b *sample, seed uint64) [][]float64 {
	random := rand.New(rand.NewPCG(seed, 0))
	differences := make([][]float64, len(measures))
	for range draws {
		drawnA, drawnB := a.draw(random), b.draw(random)
		for i, m := range measures {
			differences[i] = append(differences[i], m.of(drawnB)-m.of(drawnA))
		}
	}
	return differences
}

// A sample is the seconds between warm-up and drain, each of them so many times, and what they add up to.
type sample struct {
	seconds []second
	parts   [2][]part // of the latencies http and end to end of each second, sorted

	ok, errors, deadLetters float64
	lag                     float64
	http, endToEnd          percentiles
}

type second struct {
	result.Second
	deadLetters int // of this second
}

// A part is a share of a second's latencies, all of which are taken to be the same.
type part struct {
	value  float64
	second int
	weight float64
}

type percentiles struct{ p50, p99 float64 }

func newSample(r result.Result) *sample {
	s := &sample{}
	before := 0
	for _, at := range r.Seconds {
		if !at.WarmUp && !at.Draining {
			s.parts[0] = appendParts(s.parts[0], len(s.seconds), at.HTTP)
			s.parts[1] = appendParts(s.parts[1], len(s.seconds), at.EndToEnd)
			s.seconds = append(s.seconds, second{at, at.DeadLetters - before})
		}
		before = at.DeadLetters
	}
	for _, parts := range s.parts {
		slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.value, b.value) })
	}
	s.add(slices.Repeat([]int{1}, len(s.seconds)))
	return s
}

// draw returns a sample of as many of the seconds, in stretches that begin anywhere and go on at the start after the
// end. Stretches of the cube root of all are a usual length.
func (s *sample) draw(random *rand.Rand) *sample {
	n := len(s.seconds)
	stretch := int(math.Round(math.Cbrt(float64(n))))
	times := make([]int, n)
	for drawn := 0; drawn < n; {
		start := random.IntN(n)
		for i := 0; i < stretch && drawn < n; i++ {
			times[(start+i)%n]++
			drawn++
		}
	}
	drawn := &sample{seconds: s.seconds, parts: s.parts}
	drawn.add(times)
	return drawn
}

// add adds up the seconds, each so many times.
func (s *sample) add(times []int) {
	var http, endToEnd float64
	for i, at := range s.seconds {
		n := float64(times[i])
		http += n * float64(at.HTTP.Count)
		endToEnd += n * float64(at.EndToEnd.Count)
		s.ok += n * float64(at.OK)
		s.errors += n * float64(at.Errors)
		s.deadLetters += n * float64(at.deadLetters)
		if n > 0 {
			s.lag = max(s.lag, at.LagSeconds)
		}
	}
	s.http, s.endToEnd = mixed(s.parts[0], times, http), mixed(s.parts[1], times, endToEnd)
}

// mixed returns the percentiles of a number of latencies together.
func mixed(parts []part, times []int, all float64) percentiles {
	found, sofar := percentiles{math.NaN(), math.NaN()}, 0.0
	for _, p := range parts {
		sofar += p.weight * float64(times[p.second])
		if math.IsNaN(found.p50) && sofar >= 0.5*all {
			found.p50 = p.value
		}
		if sofar >= 0.99*all {
			found.p99 = p.value
			break
		}
	}
	return found
}

// appendParts appends a second's latencies, as far as its band tells them: even between one percentile and the next,
// and below the median as far away as 90 % is above.
func appendParts(parts []part, second int, b result.Band) []part {
	if b.Count == 0 {
		return parts
	}
	for _, piece := range []struct {
		share, from, to float64
		parts           int
	}{
		{0.5, max(0, 2*b.P50-b.P90), b.P50, 6},
		{0.4, b.P50, b.P90, 4},
		{0.09, b.P90, b.P99, 6},
		{0.01, b.P99, b.Max, 4},
	} {
		for i := range piece.parts {
			at := (float64(i) + 0.5) / float64(piece.parts)
			parts = append(parts, part{
				value:  piece.from + at*(piece.to-piece.from),
				second: second,
				weight: float64(b.Count) * piece.share / float64(piece.parts),
			})
		}
	}
	return parts
}
