package load

import (
	"maps"
	"slices"
	"sync"
	"time"

	"example.com/clew/loadtest/internal/result"
)

const (
	// A second's latencies are kept one by one until then, and as percentiles afterwards: so memory is flat in a long run.
	// What ends later counts in the totals only.
	keepFor = 2 * time.Minute

	slowest = 10
)

// Recorder keeps the results of a run, second by second. Its methods are safe for concurrent use; they take offsets from the
// start of the run.
type Recorder struct {
	warmUp, offering time.Duration // how long each takes, from the start
	encode           bool          // the bands of settled seconds
	settled          int           // how many seconds are, from the first; only Level and Settle use it

	mu        sync.Mutex
	seconds   []second
	totals    result.Totals
	slow      []result.Order // in ascending order of their latency
	latencies map[string]*result.Recorder
}

type second struct {
	result.Second
	http, endToEnd []time.Duration
	settled        bool // both have become bands
}

// NewShardRecorder returns a NewRecorder whose bands can be merged with those of others, once they are settled.
func NewShardRecorder(warmUp, offering time.Duration) *Recorder {
	r := NewRecorder(warmUp, offering)
	r.encode = true
	return r
}

// NewRecorder returns a recorder for a run that offers load for the time offering. The totals leave out the first part, warmUp.
func NewRecorder(warmUp, offering time.Duration) *Recorder {
	r := &Recorder{warmUp: warmUp, offering: offering, latencies: map[string]*result.Recorder{}}
	r.totals.Errors = map[string]int{}
	return r
}

// Scheduled counts an arrival; offered is false if too many were in flight.
func (r *Recorder) Scheduled(due time.Duration, offered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, counts := r.at(due), due >= r.warmUp
	s.Scheduled++
	if counts {
		r.totals.Scheduled++
	}
	if !offered {
		s.NotOffered++
		if counts {
			r.totals.NotOffered++
		}
	}
}

// Answered counts the answer to an arrival. took counts from the time when it was due. name is that of the latency: result.HTTP
// or result.StreamAdd; Second.HTTP has the bands of both. problem is empty if the arrival was accepted.
func (r *Recorder) Answered(name string, due, late, took time.Duration, problem string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, counts := r.at(due), due >= r.warmUp
	s.Sent++
	if problem == "" {
		s.OK++
	} else {
		s.Errors++
	}
	if !s.settled {
		s.http = append(s.http, took)
	}
	if !counts {
		return
	}
	r.totals.Sent++
	r.latency(result.DueToSent).Record(late)
	if problem == "" {
		r.totals.Accepted++
		r.latency(name).Record(took)
	} else {
		r.totals.Errors[problem]++
	}
}

// Ended counts an order that has ended. Only finished orders count for EndToEnd.
func (r *Recorder) Ended(o result.Order, finished bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	due := time.Duration(o.DueAt * float64(time.Second))
	took := time.Duration(o.EndToEnd * float64(time.Second))
	if finished {
		r.at(due+took).Finished++
		if s := r.at(due); !s.settled {
			s.endToEnd = append(s.endToEnd, took)
		}
	}
	if due < r.warmUp {
		return
	}
	if finished {
		r.latency(result.EndToEnd).Record(took)
	}
	at, _ := slices.BinarySearchFunc(r.slow, o, func(a, b result.Order) int {
		if a.EndToEnd < b.EndToEnd {
			return -1
		}
		return 1
	})
	r.slow = slices.Insert(r.slow, at, o)
	if len(r.slow) > slowest {
		r.slow = slices.Delete(r.slow, 0, 1)
	}
}

// Levels are the levels at one moment.
type Levels struct {
	InFlight    int
	LagMessages int
	LagSeconds  float64
	Pending     int
	DeadLetters int
}

// Level keeps the levels of a moment: the last of each second, and its largest lag in seconds. It is not called concurrently.
func (r *Recorder) Level(now time.Duration, l Levels) {
	r.mu.Lock()
	s := r.at(now)
	s.InFlight, s.LagMessages, s.Pending, s.DeadLetters = l.InFlight, l.LagMessages, l.Pending, l.DeadLetters
	s.LagSeconds = max(s.LagSeconds, l.LagSeconds)
	r.mu.Unlock()
	r.settle(int((now - keepFor + time.Second - 1) / time.Second))
}

// Settle is for a run that is over: all its seconds keep only their bands.
func (r *Recorder) Settle() {
	r.mu.Lock()
	n := len(r.seconds)
	r.mu.Unlock()
	r.settle(n)
}

// settle makes bands of the latencies of the first n seconds. Encoding takes milliseconds, for which the generator must not wait.
func (r *Recorder) settle(n int) {
	for ; r.settled < n; r.settled++ {
		r.mu.Lock()
		s := &r.seconds[r.settled]
		s.update()
		http, endToEnd := s.http, s.endToEnd
		s.http, s.endToEnd, s.settled = nil, nil, true
		r.mu.Unlock()
		if !r.encode {
			continue
		}
		encodedHTTP, encodedEndToEnd := encode(http), encode(endToEnd)
		r.mu.Lock()
		s = &r.seconds[r.settled]
		s.HTTP.Encoded, s.EndToEnd.Encoded = encodedHTTP, encodedEndToEnd
		r.mu.Unlock()
	}
}

// Into fills in the results so far. It is cheap enough for a live view, because few seconds have changed since the last call.
func (r *Recorder) Into(all *result.Result) {
	r.mu.Lock()
	all.Seconds = make([]result.Second, len(r.seconds))
	for i := range r.seconds {
		r.seconds[i].update()
		all.Seconds[i] = r.seconds[i].Second
	}
	all.Totals = r.totals
	all.Totals.Errors = maps.Clone(r.totals.Errors)
	all.Slowest = slices.Clone(r.slow)
	latencies := maps.Clone(r.latencies)
	r.mu.Unlock()

	slices.Reverse(all.Slowest)
	all.Latencies = map[string]result.Histogram{} // encoding them takes milliseconds
	for name, latency := range latencies {
		all.Latencies[name] = latency.Histogram()
	}
}

// at returns the second of an offset.
func (r *Recorder) at(offset time.Duration) *second {
	i := max(0, int(offset/time.Second))
	for len(r.seconds) <= i {
		begin := time.Duration(len(r.seconds)) * time.Second
		r.seconds = append(r.seconds, second{Second: result.Second{
			Offset: len(r.seconds), WarmUp: begin < r.warmUp, Draining: begin >= r.offering,
		}})
	}
	return &r.seconds[i]
}

func (r *Recorder) latency(name string) *result.Recorder {
	if r.latencies[name] == nil {
		r.latencies[name] = result.NewRecorder()
	}
	return r.latencies[name]
}

// update brings the bands up to date with the latencies, if some have come since.
func (s *second) update() {
	if len(s.http) > s.HTTP.Count {
		s.HTTP = band(s.http)
	}
	if len(s.endToEnd) > s.EndToEnd.Count {
		s.EndToEnd = band(s.endToEnd)
	}
}

// band sorts its argument.
func band(all []time.Duration) result.Band {
	slices.Sort(all)
	at := func(share float64) float64 {
		return all[min(len(all)-1, int(share*float64(len(all))))].Seconds()
	}
	return result.Band{Count: len(all), P50: at(0.50), P90: at(0.90), P99: at(0.99), Max: all[len(all)-1].Seconds()}
}

func encode(all []time.Duration) string {
	if len(all) == 0 {
		return ""
	}
	values := result.NewRecorder()
	for _, v := range all {
		values.Record(v)
	}
	return values.Histogram().Encoded
}
