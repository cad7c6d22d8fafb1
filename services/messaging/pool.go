package messaging

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// poolCollector reports a client's connections.
type poolCollector struct {
	client                         redis.UniversalClient
	connections, dialled, timeouts *prometheus.Desc
}

// PoolCollector returns the metrics of a client's connections, with name as the label pool. Clients of one registry need
// different names.
func PoolCollector(name string, client redis.UniversalClient) prometheus.Collector {
	desc := func(metric, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(metric, help, labels, prometheus.Labels{"pool": name})
	}
	return poolCollector{
		client:      client,
		connections: desc("redis_pool_connections", "Connections to Redis, by state.", "state"),
		dialled:     desc("redis_pool_misses_total", "Commands that had to open a connection."),
		timeouts:    desc("redis_pool_timeouts_total", "Commands that failed because no connection was free in time."),
	}
}

// Describe implements prometheus.Collector.
func (c poolCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- c.connections
	descs <- c.dialled
	descs <- c.timeouts
}

// Collect implements prometheus.Collector.
func (c poolCollector) Collect(metrics chan<- prometheus.Metric) {
	stats := c.client.PoolStats()
	for state, connections := range map[string]uint32{"idle": stats.IdleConns, "used": stats.TotalConns - stats.IdleConns} {
		metrics <- prometheus.MustNewConstMetric(c.connections, prometheus.GaugeValue, float64(connections), state)
	}
	metrics <- prometheus.MustNewConstMetric(c.dialled, prometheus.CounterValue, float64(stats.Misses))
	metrics <- prometheus.MustNewConstMetric(c.timeouts, prometheus.CounterValue, float64(stats.Timeouts))
}
