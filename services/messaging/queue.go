package messaging

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// A queue holds what a consumer has been given until it is settled. Messages of one subject leave it one at a time,
// each when the one before is done.
//
// Every partition has a share of the queue for what is fetched and one for what is claimed, so that none waits for
// another. They are apart because a fetch asks for as much as there is room for and may get it much later, when a claim
// has filled the room.
type queue struct {
	shares [2]int          // by intake
	ready  chan delivery   // free to be worked on; holds all shares, so sending never blocks
	freed  []chan struct{} // by partition, a signal: there may be room again

	mu      sync.Mutex
	held    []map[string]intake // by partition and entry id
	filled  [][2]int            // by partition and intake
	total   int
	empty   chan struct{} // closed when nothing is held; a new one when something is
	closing bool
	waiting map[string][]delivery // by subject that is being worked on
}

// An intake is how a message came.
type intake int

const (
	fetched intake = iota
	claimed
)

func newQueue(capacity, partitions int) *queue {
	share := capacity / partitions
	shares := [2]int{fetched: max(1, share-share/4), claimed: max(1, share/4)}
	q := &queue{
		shares: shares, ready: make(chan delivery, (shares[fetched]+shares[claimed])*partitions),
		freed: make([]chan struct{}, partitions), held: make([]map[string]intake, partitions),
		filled: make([][2]int, partitions), empty: make(chan struct{}), waiting: map[string][]delivery{},
	}
	close(q.empty)
	for i := range partitions {
		q.freed[i], q.held[i] = make(chan struct{}, 1), map[string]intake{}
	}
	return q
}

// room is how much of the partition's share is free, and at least a quarter: less is none, so that fetches are large.
// That starves no worker while the rest is more than there are workers. There is one who asks for each intake.
func (q *queue) room(partition int, by intake) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if free := q.shares[by] - q.filled[partition][by]; 4*free >= q.shares[by] {
		return free
	}
	return 0
}

// awaitRoom blocks until there is room for a fetch, and returns how much; 0 means that ctx ended. There is one signal
// for a partition, and so only one who may wait for it.
func (q *queue) awaitRoom(ctx context.Context, partition int) int {
	for {
		if room := q.room(partition, fetched); room > 0 {
			return room
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
	if q.total == 0 {
		q.empty = make(chan struct{})
	}
	q.held[d.partition][d.entryID] = d.by
	q.filled[d.partition][d.by]++
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

// again puts a delivery that is still held behind all others.
func (q *queue) again(d delivery) { q.ready <- d }

// done lets the next message of a subject go. The delivery is held on, until it is free.
func (q *queue) done(d delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if behind := q.waiting[d.Subject]; len(behind) > 0 {
		q.waiting[d.Subject] = behind[1:]
		q.ready <- behind[0]
	} else {
		delete(q.waiting, d.Subject)
	}
}

// free gives up the places of deliveries that are done and settled. Whoever dies before leaves them pending, so until
// then they are held.
func (q *queue) free(partition int, entryIDs ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, entryID := range entryIDs {
		q.filled[partition][q.held[partition][entryID]]--
		delete(q.held[partition], entryID)
	}
	q.total -= len(entryIDs)
	if q.total == 0 && len(entryIDs) > 0 {
		close(q.empty)
		if q.closing {
			close(q.ready)
		}
	}
	select {
	case q.freed[partition] <- struct{}{}:
	default:
	}
}

// holds lists the entries of a partition that are held.
func (q *queue) holds(partition int) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Collect(maps.Keys(q.held[partition]))
}

// drained blocks until nothing is held, and reports whether that came before the end of ctx.
func (q *queue) drained(ctx context.Context) bool {
	q.mu.Lock()
	empty := q.empty
	q.mu.Unlock()
	select {
	case <-empty:
		return true
	case <-ctx.Done():
		return false
	}
}

// close ends ready as soon as everything that was pushed is free. Nothing may be pushed after it.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closing = true
	if q.total == 0 {
		close(q.ready)
	}
}
