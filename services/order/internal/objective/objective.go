// Package objective keeps the count of orders that meet the service's objective, and reports it.
package objective

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/clew/services/order/internal/store"
)

const sweepEvery = time.Second

// A Sweeper counts orders. Every process of the service has one; all of them report the same, and who adds up takes the
// maximum.
type Sweeper struct {
	store  *store.Store
	logger *slog.Logger

	mu       sync.Mutex
	standing *store.Standing // nil if it could not be read
}

// NewSweeper returns a sweeper, whose metrics are registered with reg. They are absent until Run has read them.
func NewSweeper(s *store.Store, reg prometheus.Registerer, logger *slog.Logger) *Sweeper {
	sweeper := &Sweeper{store: s, logger: logger}
	reg.MustRegister(sweeper)
	return sweeper
}

// Run sweeps every second until ctx ends, and then returns nil.
func (s *Sweeper) Run(ctx context.Context) error {
	every := time.NewTicker(sweepEvery)
	defer every.Stop()
	for failing := false; ; {
		err := s.sweep(ctx, time.Now())
		if err != nil && !failing && ctx.Err() == nil {
			s.logger.WarnContext(ctx, "the objective cannot be kept, trying again", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
	}
}

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
		"Orders counted for the objective: good, or bad; of all replicas together.", []string{"result"}, nil)
	descOverdue = prometheus.NewDesc("orders_overdue", "Orders that are pending for more than 5 s.", nil, nil)
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
