// Package objective counts the orders that meet the service's objective, and reports them.
package objective

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/clew/services/order/internal/store"
)

// A Sweeper counts orders. Every process of the service has one. All report the same values: aggregate with max, not sum.
type Sweeper struct {
	store *store.Store

	mu       sync.Mutex
	standing *store.Standing // nil if it could not be read
}

// NewSweeper returns a sweeper and registers its metrics with reg. They are absent until Sweep has read them.
func NewSweeper(s *store.Store, reg prometheus.Registerer) *Sweeper {
	sweeper := &Sweeper{store: s}
	reg.MustRegister(sweeper)
	return sweeper
}

// Sweep counts orders that were decided or became overdue, and reads the totals. Call it every second.
func (s *Sweeper) Sweep(ctx context.Context) error { return s.sweep(ctx, time.Now()) }

func (s *Sweeper) sweep(ctx context.Context, now time.Time) error {
	swept := s.store.Sweep(ctx, now)
	standing, err := s.store.Standing(ctx, now)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.standing = &standing; err != nil {
		s.standing = nil
	}
	return errors.Join(swept, err)
}

var (
	descObjective = prometheus.NewDesc("orders_objective_total",
		"Orders counted for the objective, good or bad, by all replicas together.", []string{"result"}, nil)
	descOverdue = prometheus.NewDesc("orders_overdue", "Orders that have been pending for more than 5 s.", nil, nil)
)

// Describe implements prometheus.Collector.
func (s *Sweeper) Describe(descs chan<- *prometheus.Desc) {
	descs <- descObjective
	descs <- descOverdue
}

// Collect implements prometheus.Collector.
func (s *Sweeper) Collect(metrics chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.standing == nil {
		return
	}
	for result, total := range s.standing.Totals {
		metrics <- prometheus.MustNewConstMetric(descObjective, prometheus.CounterValue, float64(total), string(result))
	}
	metrics <- prometheus.MustNewConstMetric(descOverdue, prometheus.GaugeValue, float64(s.standing.Overdue))
}
