package store

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"example.com/clew/services/messaging"
	"example.com/clew/services/order/internal/order"
)

// instrumentation has the metrics of this process's changes to orders.
type instrumentation struct {
	accepted prometheus.Counter
	finished map[order.Status]finished
}

// finished has the metrics of the orders that left pending for one status.
type finished struct {
	total   prometheus.Counter
	seconds prometheus.ExemplarObserver
}

func newInstrumentation(reg prometheus.Registerer) instrumentation {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orders_finished_total", Help: "Orders that left pending, by their new status.",
	}, []string{"status"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "order_completion_seconds", Help: "Time from an order's acceptance until it left pending.",
		Buckets: messaging.WaitBuckets(),
	}, []string{"status"})
	i := instrumentation{
		accepted: prometheus.NewCounter(prometheus.CounterOpts{Name: "orders_accepted_total", Help: "Orders accepted."}),
		finished: map[order.Status]finished{},
	}
	for _, status := range [...]order.Status{order.Confirmed, order.Rejected, order.Cancelled} {
		i.finished[status] = finished{
			total.WithLabelValues(string(status)),
			seconds.WithLabelValues(string(status)).(prometheus.ExemplarObserver),
		}
	}
	if reg != nil {
		reg.MustRegister(i.accepted, total, seconds)
	}
	return i
}

// finish counts an order that left pending. The exemplar is the order's trace, if the change is in it and sampled: a
// cancellation, for example, is in a trace of its own.
func (i instrumentation) finish(ctx context.Context, status order.Status, row orderRow) {
	var exemplar prometheus.Labels
	span := trace.SpanContextFromContext(ctx)
	if traceID := span.TraceID().String(); span.IsSampled() && traceID == row.TraceID {
		exemplar = prometheus.Labels{"trace_id": traceID}
	}
	took := time.Duration(row.FinishedAt-row.CreatedAt) * time.Microsecond
	i.finished[status].total.Inc()
	i.finished[status].seconds.ObserveWithExemplar(max(0, took).Seconds(), exemplar) // replicas' clocks differ
}
