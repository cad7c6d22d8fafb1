// Package labels caches metrics by their label values, because Prometheus's own lookup is slow.
package labels

import "sync"

// A Cache holds metrics by a key that determines their labels. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	mu    sync.RWMutex
	known map[K]V
	make  func(K) V
}

// NewCache returns an empty cache, which makes a metric when it is first asked for.
func NewCache[K comparable, V any](metric func(K) V) *Cache[K, V] {
	return &Cache[K, V]{known: map[K]V{}, make: metric}
}

// Of returns the metric of a key.
func (c *Cache[K, V]) Of(key K) V {
	c.mu.RLock()
	metric, ok := c.known[key]
	c.mu.RUnlock()
	if ok {
		return metric
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	metric = c.make(key)
	c.known[key] = metric
	return metric
}
