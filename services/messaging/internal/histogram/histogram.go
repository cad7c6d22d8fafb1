// Package histogram has what messaging's histograms share: boundaries, and exemplars at a cost that does not matter.
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

// exemplarEvery is how often a bucket gets a new exemplar. A bucket has one, of which a scrape sees the last; making it
// costs ten times what counting does.
const exemplarEvery = 100 * time.Millisecond

// A Histogram is one child of a histogram of seconds. It is safe for concurrent use.
type Histogram struct {
	observer prometheus.ExemplarObserver
	bounds   []float64
	last     []atomic.Int64 // when each bucket got its exemplar, the last one being +Inf's
}

// New wraps a histogram that has the bounds as its buckets.
func New(observer prometheus.Observer, bounds []float64) *Histogram {
	return &Histogram{observer.(prometheus.ExemplarObserver), bounds, make([]atomic.Int64, len(bounds)+1)}
}

// Observe records seconds, with the trace as the exemplar trace_id if it is sampled and the bucket's is due.
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
