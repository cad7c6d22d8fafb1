package result

import (
	"fmt"
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
	return histogram(values)
}

func histogram(values *hdrhistogram.Histogram) Histogram {
	at := func(percentile float64) float64 { return seconds(values.ValueAtPercentile(percentile)) }
	return Histogram{
		Count:   values.TotalCount(),
		Mean:    values.Mean() / 1e6,
		P50:     at(50),
		P90:     at(90),
		P99:     at(99),
		P999:    at(99.9),
		Max:     seconds(values.Max()),
		Encoded: encode(values),
	}
}

func encode(values *hdrhistogram.Histogram) string {
	encoded, err := values.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic(err) // it writes to memory, and knows this encoding
	}
	return string(encoded)
}

// Decode returns all recorded values, in microseconds.
func (h Histogram) Decode() (*hdrhistogram.Histogram, error) {
	return hdrhistogram.Decode([]byte(h.Encoded))
}

func seconds(microseconds int64) float64 { return float64(microseconds) / 1e6 }

// MergeHistograms returns the distribution of the values of all.
func MergeHistograms(all []Histogram) (Histogram, error) {
	encoded := make([]string, len(all))
	for i, h := range all {
		encoded[i] = h.Encoded
	}
	values, err := merge(encoded)
	if err != nil {
		return Histogram{}, err
	}
	return histogram(values), nil
}

// MergeBands returns the band of the values of all, which must have Encoded. It has none itself.
func MergeBands(all []Band) (Band, error) {
	var encoded []string
	for _, b := range all {
		if b.Count > 0 {
			encoded = append(encoded, b.Encoded)
		}
	}
	values, err := merge(encoded)
	if err != nil || values.TotalCount() == 0 {
		return Band{}, err
	}
	count := values.TotalCount()
	at := func(share float64) float64 { // of the same value as in the band of a run
		rank := min(count, int64(share*float64(count))+1)
		return seconds(values.ValueAtPercentile(100 * float64(rank) / float64(count)))
	}
	return Band{Count: int(count), P50: at(0.50), P90: at(0.90), P99: at(0.99), Max: seconds(values.Max())}, nil
}

func merge(encoded []string) (*hdrhistogram.Histogram, error) {
	all := NewRecorder().values
	for _, e := range encoded {
		values, err := hdrhistogram.Decode([]byte(e))
		if err != nil {
			return nil, err
		}
		if dropped := all.Merge(values); dropped > 0 {
			return nil, fmt.Errorf("%d values are above %s", dropped, longest)
		}
	}
	return all, nil
}
