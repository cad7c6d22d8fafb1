package store

import (
	"github.com/prometheus/client_golang/prometheus"

	"example.com/clew/services/inventory/internal/stock"
)

// The outcomes for an order's stock, as label values.
const (
	outcomeReserved  = string(stock.Reserved)
	outcomeRejected  = string(stock.Rejected)
	outcomeReleased  = "released"
	outcomeCancelled = "cancelled" // before anything was reserved: the cancellation overtook the creation
)

// instrumentation counts this process's orders by outcome.
type instrumentation map[string]prometheus.Counter

func newInstrumentation(reg prometheus.Registerer) instrumentation {
	reservations := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "stock_reservations_total",
		Help: "Orders whose stock was reserved, rejected, released after a cancellation, or cancelled before it was reserved.",
	}, []string{"outcome"})
	i := instrumentation{}
	for _, outcome := range [...]string{outcomeReserved, outcomeRejected, outcomeReleased, outcomeCancelled} {
		i[outcome] = reservations.WithLabelValues(outcome)
	}
	if reg != nil {
		reg.MustRegister(reservations)
	}
	return i
}
