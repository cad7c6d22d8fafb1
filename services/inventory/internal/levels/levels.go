// Package levels reports the available stock as metrics.
package levels

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/clew/services/inventory/internal/stock"
	"example.com/clew/services/inventory/internal/store"
)

// A Sampler reads the stock of some SKUs. Every process of the service has one. All report the same values: aggregate with
// max, not sum.
type Sampler struct {
	store *store.Store
	skus  []string

	mu        sync.Mutex
	available map[string]int64 // by SKU; empty if it could not be read
}

// NewSampler returns a sampler of the items' SKUs, and registers its metrics with reg. They are absent until Sample has read
// them. items should be the seeded ones: SKUs of requests would make any number of series.
func NewSampler(s *store.Store, items []stock.Item, reg prometheus.Registerer) *Sampler {
	sampler := &Sampler{store: s}
	for _, item := range items {
		sampler.skus = append(sampler.skus, item.SKU)
	}
	reg.MustRegister(sampler)
	return sampler
}

// Sample reads the stock. Call it every 2 s.
func (s *Sampler) Sample(ctx context.Context) error {
	available, err := s.store.Available(ctx, s.skus)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.available = available
	return err
}

var descAvailable = prometheus.NewDesc("stock_available",
	"Available units of the SKUs that the service was seeded with.", []string{"sku"}, nil)

// Describe implements prometheus.Collector.
func (s *Sampler) Describe(descs chan<- *prometheus.Desc) { descs <- descAvailable }

// Collect implements prometheus.Collector.
func (s *Sampler) Collect(metrics chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sku, available := range s.available {
		metrics <- prometheus.MustNewConstMetric(descAvailable, prometheus.GaugeValue, float64(available), sku)
	}
}
