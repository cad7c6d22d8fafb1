package result

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The range of a histogram, whose values have three digits. Values outside count as the nearest limit.
const (
	shortest = time.Microsecond
	longest  = 10 * time.Minute
	digits   = 3
)

// Recorder collects a latency. Its methods are safe for concurrent use.
type Recorder struct {
	mu     sync.Mutex
	values *hdrhistogram.Histogram // microseconds
}

// NewRecorder returns an empty Recorder, which takes 200 KB.
func NewRecorder() *Recorder {
	return &Recorder{values: hdrhistogram.New(shortest.Microseconds(), longest.Microseconds(), digits)}
}

// Record counts one value.
func (r *Recorder) Record(d time.Duration) {
	microseconds := min(max(d, shortest), longest).Round(time.Microsecond).Microseconds()
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.values.RecordValue(microseconds) // it refuses only what is out of range
}

// Histogram returns the values recorded so far.
func (r *Recorder) Histogram() Histogram {
	r.mu.Lock()
	values := r.values.Clone()
	r.mu.Unlock()

	encoded, err := values.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic(err) // it writes to memory, and knows this encoding
	}
	at := func(percentile float64) float64 { return seconds(values.ValueAtPercentile(percentile)) }
	return Histogram{
		Count:   values.TotalCount(),
		Mean:    values.Mean() / 1e6,
		P50:     at(50),
		P90:     at(90),
		P99:     at(99),
		P999:    at(99.9),
		Max:     seconds(values.Max()),
		Encoded: string(encoded),
	}
}

// Decode returns all recorded values, in microseconds.
func (h Histogram) Decode() (*hdrhistogram.Histogram, error) {
	return hdrhistogram.Decode([]byte(h.Encoded))
}

func seconds(microseconds int64) float64 { return float64(microseconds) / 1e6 }
