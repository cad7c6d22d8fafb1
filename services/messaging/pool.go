package messaging

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

var (
	poolLabels          = []string{"pool"}
	descPoolConnections = prometheus.NewDesc("redis_pool_connections",
		"Connections to Redis, by state.", append(poolLabels, "state"), nil)
	descPoolDialled = prometheus.NewDesc("redis_pool_misses_total",
		"Commands for which a connection had to be made.", poolLabels, nil)
	descPoolTimeouts = prometheus.NewDesc("redis_pool_timeouts_total",
		"Commands that failed because no connection was free in time.", poolLabels, nil)
)

// poolCollector reports a client's connections.
type poolCollector struct {
	name   string
	client redis.UniversalClient
}

// PoolCollector returns the metrics of a client's connections, under a name that tells it from the process's others.
func PoolCollector(name string, client redis.UniversalClient) prometheus.Collector {
	return poolCollector{name, client}
}

// Describe implements prometheus.Collector. It describes nothing, because several collectors report the same metrics.
func (poolCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c poolCollector) Collect(metrics chan<- prometheus.Metric) {
	stats := c.client.PoolStats()
	for state, connections := range map[string]uint32{"idle": stats.IdleConns, "used": stats.TotalConns - stats.IdleConns} {
		metrics <- prometheus.MustNewConstMetric(
			descPoolConnections, prometheus.GaugeValue, float64(connections), c.name, state)
	}
	metrics <- prometheus.MustNewConstMetric(descPoolDialled, prometheus.CounterValue, float64(stats.Misses), c.name)
	metrics <- prometheus.MustNewConstMetric(descPoolTimeouts, prometheus.CounterValue, float64(stats.Timeouts), c.name)
}
