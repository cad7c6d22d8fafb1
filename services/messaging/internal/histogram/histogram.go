// Package histogram has the boundaries of messaging's histograms, and makes cheap exemplars.
package histogram

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Waits are the bucket boundaries of a wait, in seconds: the 14 of the messaging conventions, and three above for messages
// that stay in a stream or an outbox.
var Waits = []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 30, 60, 300}

// exemplarEvery is the shortest time between two exemplars of a bucket. A scrape sees only the last one, and making one costs
// ten times as much as counting.
const exemplarEvery = 100 * time.Millisecond

// A Histogram is one child of a histogram of seconds. It is safe for concurrent use.
type Histogram struct {
	observer prometheus.ExemplarObserver
	bounds   []float64
	last     []atomic.Int64 // by bucket, +Inf last: the time of its exemplar
}

// New wraps a histogram whose buckets are bounds.
func New(observer prometheus.Observer, bounds []float64) *Histogram {
	return &Histogram{observer.(prometheus.ExemplarObserver), bounds, make([]atomic.Int64, len(bounds)+1)}
}

// Observe records seconds, with the trace id as exemplar if the trace is sampled and the bucket's exemplar is due.
func (h *Histogram) Observe(seconds float64, span trace.SpanContext) {
	if !span.IsSampled() || !h.due(seconds) {
		h.observer.(prometheus.Observer).Observe(seconds)
		return
	}
	h.observer.ObserveWithExemplar(seconds, prometheus.Labels{"trace_id": span.TraceID().String()})
}

func (h *Histogram) due(seconds float64) bool {
	bucket, _ := slices.BinarySearch(h.bounds, seconds)
	now := time.Now().UnixNano()
	last := h.last[bucket].Load()
	return now-last >= int64(exemplarEvery) && h.last[bucket].CompareAndSwap(last, now)
}
