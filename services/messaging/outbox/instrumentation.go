package outbox

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/clew/services/messaging/internal/histogram"
)

const sampleEvery = 2 * time.Second

// instrumentation has the metrics of a relay, and the last sample of its outbox. Every relay of a database samples it.
type instrumentation struct {
	wait  prometheus.Histogram
	batch prometheus.Histogram
	last  *lastSample
}

func newInstrumentation(reg prometheus.Registerer) instrumentation {
	i := instrumentation{
		wait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "outbox_wait_seconds", Help: "Time from a message's creation until it was added to its stream; without replayed ones.",
			Buckets: histogram.Waits,
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "outbox_relay_batch_messages", Help: "Messages that a relay published at once.",
			Buckets: []float64{1, 2, 5, 10, 20, 50, 100, 200, batchRows},
		}),
		last: &lastSample{},
	}
	if reg != nil {
		reg.MustRegister(i.wait, i.batch, i.last)
	}
	return i
}

func (i instrumentation) published(rows []row, errs []error) {
	i.batch.Observe(float64(len(rows)))
	for n, r := range rows {
		if errs[n] == nil && r.Replayed == 0 {
			i.wait.Observe(time.Since(time.UnixMicro(r.Time)).Seconds())
		}
	}
}

// sample looks at the outbox every 2 s until ctx ends.
func (r *Relay) sample(ctx context.Context) {
	every := time.NewTicker(sampleEvery)
	defer every.Stop()
	for {
		sample, err := r.outbox.sample(ctx)
		if err != nil && ctx.Err() == nil {
			r.logger.Warn("sampling the outbox failed, its gauges are absent", "error", err)
		}
		r.instrumentation.last.set(sample)
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

// A sample counts the unpublished messages of an outbox.
type sample struct {
	Pending int64 // to be published
	Parked  int64 // not published until an operator replays them
	Oldest  int64 // time at which the oldest pending one was created; 0 without one
}

// sample leaves replayed messages out of Oldest: they were created long ago, but have not waited since.
func (t *Table) sample(ctx context.Context) (*sample, error) {
	var s sample
	err := t.query(ctx, func(scan func(...any) error) error { return scan(&s.Pending, &s.Parked, &s.Oldest) }, `SELECT
			COALESCE(SUM(CASE WHEN failures < $1 THEN 1 ELSE 0 END), 0) AS pending,
			COALESCE(SUM(CASE WHEN failures >= $1 THEN 1 ELSE 0 END), 0) AS parked,
			COALESCE(MIN(CASE WHEN failures < $1 AND replayed = 0 THEN time END), 0) AS oldest
		FROM outbox WHERE published_at = 0`, maxFailures)
	if err != nil {
		return nil, fmt.Errorf("sample the outbox: %w", err)
	}
	return &s, nil
}

// lastSample reports the last sample, or nothing if it failed.
type lastSample struct {
	mu     sync.Mutex
	sample *sample
}

func (l *lastSample) set(s *sample) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sample = s
}

var (
	descPending = prometheus.NewDesc("outbox_pending_messages", "Messages in the outbox that are not published yet.", nil, nil)
	descOldest  = prometheus.NewDesc("outbox_oldest_message_seconds",
		"Age of the oldest message that is not published yet; 0 without one.", nil, nil)
	descParked = prometheus.NewDesc("outbox_parked_messages",
		"Messages that failed to publish five times and wait for an operator.", nil, nil)
)

// Describe implements prometheus.Collector.
func (l *lastSample) Describe(descs chan<- *prometheus.Desc) {
	descs <- descPending
	descs <- descOldest
	descs <- descParked
}

// Collect implements prometheus.Collector.
func (l *lastSample) Collect(metrics chan<- prometheus.Metric) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sample == nil {
		return
	}
	oldest := 0.0
	if l.sample.Oldest > 0 {
		oldest = max(0, time.Since(time.UnixMicro(l.sample.Oldest)).Seconds())
	}
	metrics <- prometheus.MustNewConstMetric(descPending, prometheus.GaugeValue, float64(l.sample.Pending))
	metrics <- prometheus.MustNewConstMetric(descOldest, prometheus.GaugeValue, oldest)
	metrics <- prometheus.MustNewConstMetric(descParked, prometheus.GaugeValue, float64(l.sample.Parked))
}
