package messaging

import (
	"context"
	"sync"
)

// A queue holds what a consumer has fetched until a worker is free for it. Messages of one subject leave it one at a
// time, each when the one before is done. Every partition may fill its share of the queue, so that none waits for
// another.
type queue struct {
	share int
	ready chan delivery   // free to be worked on; holds all shares, so sending never blocks
	freed []chan struct{} // by partition, a signal: there may be room again

	mu      sync.Mutex
	held    []int // by partition
	total   int
	closing bool
	waiting map[string][]delivery // by subject that is being worked on
}

func newQueue(capacity, partitions int) *queue {
	share := max(1, capacity/partitions)
	q := &queue{
		share: share, ready: make(chan delivery, share*partitions),
		freed: make([]chan struct{}, partitions), held: make([]int, partitions), waiting: map[string][]delivery{},
	}
	for i := range q.freed {
		q.freed[i] = make(chan struct{}, 1)
	}
	return q
}

// room blocks until a quarter of the partition's share is free, and returns how much is; 0 means that ctx ended.
// Waiting for a quarter keeps fetches large, and starves no worker while the rest is more than there are workers.
func (q *queue) room(ctx context.Context, partition int) int {
	for {
		q.mu.Lock()
		free := q.share - q.held[partition]
		q.mu.Unlock()
		if 4*free >= q.share {
			return free
		}
		select {
		case <-ctx.Done():
			return 0
		case <-q.freed[partition]:
		}
	}
}

// push takes a delivery for which there was room.
func (q *queue) push(d delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held[d.partition]++
	q.total++
	if d.Subject != "" {
		if behind, busy := q.waiting[d.Subject]; busy {
			q.waiting[d.Subject] = append(behind, d)
			return
		}
		q.waiting[d.Subject] = nil
	}
	q.ready <- d
}

// done frees a delivery's place and lets the next of its subject go.
func (q *queue) done(d delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held[d.partition]--
	q.total--
	if behind := q.waiting[d.Subject]; len(behind) > 0 {
		q.waiting[d.Subject] = behind[1:]
		q.ready <- behind[0]
	} else {
		delete(q.waiting, d.Subject)
	}
	if q.closing && q.total == 0 {
		close(q.ready)
	}
	select {
	case q.freed[d.partition] <- struct{}{}:
	default:
	}
}

// close ends ready as soon as everything that was pushed is done. Nothing may be pushed after it.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closing = true
	if q.total == 0 {
		close(q.ready)
	}
}
