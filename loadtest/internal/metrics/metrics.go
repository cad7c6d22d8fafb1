// Package metrics has the metrics of a run, for the dashboard "Load test".
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts a run. Its methods are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	offered  prometheus.Counter
	requests *prometheus.CounterVec
	ok       prometheus.Counter
	request  prometheus.Histogram
	endToEnd prometheus.Histogram
}

// New returns the metrics of a run; each scrape calls inFlight.
func New(inFlight func() int) *Metrics {
	// Those of messaging, so that the times can be compared with the services' own.
	buckets := []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 300}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		offered: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "loadtest_offered_total", Help: "Arrivals that were due, those that were not sent included.",
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "loadtest_requests_total", Help: "Requests, by what came of them: ok, a status, or the kind of error.",
		}, []string{"result"}),
		request: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "loadtest_request_duration_seconds", Help: "Time from when a request was due until it was answered.", Buckets: buckets,
		}),
		endToEnd: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "loadtest_end_to_end_duration_seconds", Help: "Time from when a request was due until its order was finished.", Buckets: buckets,
		}),
	}
	m.ok = m.requests.WithLabelValues("ok")
	running := prometheus.NewGauge(prometheus.GaugeOpts{Name: "loadtest_running", Help: "1 while a run goes on."})
	running.Set(1)
	m.registry.MustRegister(m.offered, m.requests, m.request, m.endToEnd, running,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "loadtest_in_flight", Help: "Orders that were sent and have not ended.",
		}, func() float64 { return float64(inFlight()) }),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Offered counts an arrival that was due.
func (m *Metrics) Offered() { m.offered.Inc() }

// Answered counts a request; the problem is empty if it was accepted. The trace's id may be empty.
func (m *Metrics) Answered(took time.Duration, problem, traceID string) {
	if problem != "" {
		m.requests.WithLabelValues(problem).Inc()
		return
	}
	m.ok.Inc()
	observe(m.request, took, traceID)
}

// Ended counts an order that is finished.
func (m *Metrics) Ended(took time.Duration, traceID string) { observe(m.endToEnd, took, traceID) }

// Handler serves GET /metrics, with exemplars for a scraper that accepts OpenMetrics.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	return mux
}

func observe(histogram prometheus.Histogram, took time.Duration, traceID string) {
	if len(traceID) != 32 { // an exemplar that is too long would panic
		histogram.Observe(took.Seconds())
		return
	}
	histogram.(prometheus.ExemplarObserver).ObserveWithExemplar(took.Seconds(), prometheus.Labels{"trace_id": traceID})
}
