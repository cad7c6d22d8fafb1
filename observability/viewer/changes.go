package viewer

import (
	"encoding/hex"
	"sync"
)

// maxChanges bounds the ids that wait for one subscriber. Further ones are dropped until it has taken these.
const maxChanges = 1000

// changes tells subscribers which traces were written to. It never waits for a subscriber.
type changes struct {
	mu          sync.Mutex
	subscribers map[*Subscription]struct{}
	ended       bool
}

// A Subscription collects the ids of traces that are written to. Its methods may be called concurrently.
type Subscription struct {
	from  *changes
	ids   map[traceID]struct{} // guarded by from.mu
	ended chan struct{}
}

// Subscribe returns a Subscription that collects from now on, until Close.
func (v *Viewer) Subscribe() *Subscription {
	c := &v.store.changes
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &Subscription{from: c, ids: map[traceID]struct{}{}, ended: make(chan struct{})}
	if c.ended {
		close(s.ended)
		return s
	}
	if c.subscribers == nil {
		c.subscribers = map[*Subscription]struct{}{}
	}
	c.subscribers[s] = struct{}{}
	return s
}

// Take returns the ids of the traces written to since the last call, in hexadecimal, each once and in no order. It returns at
// most 1 000; others are lost. It does not block.
func (s *Subscription) Take() []string {
	s.from.mu.Lock()
	defer s.from.mu.Unlock()
	ids := make([]string, 0, len(s.ids))
	for id := range s.ids {
		ids = append(ids, hex.EncodeToString(id[:]))
	}
	clear(s.ids)
	return ids
}

// Ended is closed when the viewer stops. A handler that streams changes must return then, because the viewer waits for it.
func (s *Subscription) Ended() <-chan struct{} { return s.ended }

// Close ends the subscription.
func (s *Subscription) Close() {
	s.from.mu.Lock()
	defer s.from.mu.Unlock()
	delete(s.from.subscribers, s)
}

func (c *changes) wrote(id traceID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.subscribers {
		if len(s.ids) < maxChanges {
			s.ids[id] = struct{}{}
		}
	}
}

// end closes Ended of all subscriptions, later ones too.
func (c *changes) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for s := range c.subscribers {
		close(s.ended)
	}
	c.subscribers = nil
}
