package messaging

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

var descWaiting = prometheus.NewDesc("messaging_waiting_seconds",
	"Age of the oldest message that was delivered to this process and not begun by a handler; 0 without one.",
	[]string{labelStream, labelGroup}, nil)

// waiting reports the longest wait of a message in the queues of a process.
type waiting struct {
	mu     sync.Mutex
	queues map[*queue]*member
}

func (w *waiting) add(q *queue, m *member) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queues[q] = m
}

// Describe implements prometheus.Collector.
func (w *waiting) Describe(descs chan<- *prometheus.Desc) { descs <- descWaiting }

// Collect implements prometheus.Collector.
func (w *waiting) Collect(metrics chan<- prometheus.Metric) {
	w.mu.Lock()
	defer w.mu.Unlock()
	type group struct{ stream, name string }
	ages := map[group]float64{}
	for q, m := range w.queues {
		g := group{m.stream, m.Group}
		ages[g] = max(ages[g], q.oldest().Seconds())
	}
	for g, age := range ages {
		metrics <- prometheus.MustNewConstMetric(descWaiting, prometheus.GaugeValue, age, g.stream, g.name)
	}
}
