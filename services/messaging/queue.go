package messaging

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// A queue holds a consumer's messages until they are settled. It has room for as many as the workers can begin in about a
// second, judged by their speed in the last second: messages that waited longer would be kept from other consumers. It may
// hold one more for each partition, because fetches do not wait for each other.
//
// Messages of one subject leave the queue one at a time, each when the one before is done. Half of the workers take only
// fetched messages, so that claimed ones, which may fail slowly again and again, do not occupy all workers. Claimed messages
// have room of their own, because a fetch reserves all the room that there is, and may fill it much later.
type queue struct {
	workers, most, partitions int
	freed                     []chan struct{} // by partition, a signal: there may be room again

	mu       sync.Mutex
	changed  *sync.Cond             // something is ready, or the queue is closed
	held     []map[string]*delivery // by partition and entry id
	filled   [][2]int               // by partition and intake
	waiting  [][2]int               // those of filled that are not begun
	total    [2]int                 // by intake
	full     []int                  // partitions that found the whole fetched share taken
	ready    [2][]*delivery         // by intake: the next worker may begin it
	behind   map[string][]*delivery // by subject: deliveries that wait for the one that is ready or begun
	begun    rate
	empty    chan struct{} // closed while nothing is held
	closing  bool
	finished bool
}

// An intake is the way in which a message came.
type intake int

const (
	fetched intake = iota
	claimed
)

func newQueue(workers, most, partitions int) *queue {
	q := &queue{
		workers: workers, most: most, partitions: partitions,
		freed: make([]chan struct{}, partitions), held: make([]map[string]*delivery, partitions),
		filled: make([][2]int, partitions), waiting: make([][2]int, partitions), behind: map[string][]*delivery{}, empty: make(chan struct{}),
	}
	q.changed = sync.NewCond(&q.mu)
	close(q.empty)
	for i := range partitions {
		q.freed[i], q.held[i] = make(chan struct{}, 1), map[string]*delivery{}
	}
	return q
}

// share is the number of messages of an intake that may be held.
func (q *queue) share(by intake) int {
	all := min(max(q.begun.perSecond(time.Now()), 2*q.workers), q.most)
	if by == claimed {
		return max(1, all/4)
	}
	return max(1, all-all/4)
}

// room returns the free places in the partition's part of a share, or 0 if under a quarter of the part is free, so that
// fetches stay large. A partition without waiting messages may exceed its part by one: a message that runs long must not hold
// up the others of its partition.
func (q *queue) room(partition int, by intake) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	share := q.share(by)
	part := max(1, share/q.partitions)
	least, mine, all := (part+3)/4, part-q.filled[partition][by], share-q.total[by]
	if q.waiting[partition][by] == 0 {
		least, mine = 1, max(1, mine)
	}
	if free := min(mine, all); free >= least {
		return free
	}
	if by == fetched && all < least {
		q.full = append(q.full, partition)
	}
	return 0
}

// push adds deliveries for which there was room. One that is held already is left out: Redis delivers it anew after somebody
// deleted its group. The attempt that runs settles it in the new group as well.
func (q *queue) push(deliveries ...*delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.total == [2]int{} && len(deliveries) > 0 {
		q.empty = make(chan struct{})
	}
	now := time.Now()
	for _, d := range deliveries {
		if q.held[d.partition][d.entryID] != nil {
			continue
		}
		d.arrived = now
		q.held[d.partition][d.entryID] = d
		q.filled[d.partition][d.by]++
		q.waiting[d.partition][d.by]++
		q.total[d.by]++
		if d.Subject != "" {
			behind, busy := q.behind[d.Subject]
			if busy {
				q.behind[d.Subject] = append(behind, d)
				continue
			}
			q.behind[d.Subject] = nil
		}
		q.makeReady(d)
	}
}

func (q *queue) makeReady(d *delivery) {
	q.ready[d.by] = append(q.ready[d.by], d)
	if d.by == claimed {
		q.changed.Broadcast() // a worker that only takes fetched messages would not pass a signal on
	} else {
		q.changed.Signal()
	}
}

// next blocks until a delivery is ready, and returns nil once the queue is closed and empty. Only workers with an even number
// get claimed deliveries.
func (q *queue) next(worker int) *delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for _, by := range [...]intake{claimed, fetched} {
			if len(q.ready[by]) > 0 && (by == fetched || worker%2 == 0) {
				d := q.ready[by][0]
				q.ready[by] = q.ready[by][1:]
				q.begin(d)
				return d
			}
		}
		if q.finished {
			return nil
		}
		q.changed.Wait()
	}
}

func (q *queue) begin(d *delivery) {
	if d.begun { // before an outage
		return
	}
	d.begun = true
	q.begun.add(time.Now())
	q.waiting[d.partition][d.by]--
	if q.waiting[d.partition][d.by] == 0 {
		q.signal(d.partition)
	}
}

// repeat queues a delivery that was begun once more, behind all others. It stays held.
func (q *queue) repeat(d *delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.makeReady(d)
}

// done makes the next message of the subject ready. The delivery stays held until free.
func (q *queue) done(d *delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.nextOf(d.Subject)
}

func (q *queue) nextOf(subject string) {
	if behind := q.behind[subject]; len(behind) > 0 {
		q.behind[subject] = behind[1:]
		q.makeReady(behind[0])
	} else {
		delete(q.behind, subject)
	}
}

// free gives up the places of deliveries that are done and settled. Until then they count as held: if the process died, they
// would still be pending.
func (q *queue) free(partition int, entryIDs ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, entryID := range entryIDs {
		q.remove(q.held[partition][entryID])
	}
	q.freedIn(partition)
}

func (q *queue) remove(d *delivery) {
	delete(q.held[d.partition], d.entryID)
	q.filled[d.partition][d.by]--
	if !d.begun {
		q.waiting[d.partition][d.by]--
	}
	q.total[d.by]--
	if q.total == [2]int{} {
		close(q.empty)
		q.finish()
	}
}

// freedIn signals free places to the partition's fetch, and to those that found the whole share taken.
func (q *queue) freedIn(partition int) {
	q.signal(partition)
	for _, other := range q.full {
		q.signal(other)
	}
	q.full = q.full[:0]
}

func (q *queue) signal(partition int) {
	select {
	case q.freed[partition] <- struct{}{}:
	default:
	}
}

// giveBack removes the messages of a partition that have waited at least this long without being begun, and returns the ids of
// their entries.
func (q *queue) giveBack(partition int, waited time.Duration) (entryIDs []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	back := map[*delivery]bool{}
	for _, d := range q.held[partition] {
		if !d.begun && time.Since(d.arrived) >= waited {
			back[d] = true
		}
	}
	given := func(d *delivery) bool { return back[d] }
	for subject, behind := range q.behind {
		q.behind[subject] = slices.DeleteFunc(behind, given)
	}
	for by, ready := range q.ready {
		heads := slices.DeleteFunc(slices.Clone(ready), func(d *delivery) bool { return !back[d] })
		q.ready[by] = slices.DeleteFunc(ready, given)
		for _, d := range heads {
			q.nextOf(d.Subject)
		}
	}
	for d := range back {
		q.remove(d)
		entryIDs = append(entryIDs, d.entryID)
	}
	q.freedIn(partition)
	return entryIDs
}

// holds lists the ids of a partition's held entries.
func (q *queue) holds(partition int) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Collect(maps.Keys(q.held[partition]))
}

// oldest is the age of the oldest message that is not begun, 0 without one. The age counts from the time at which Redis added
// the entry, or from its arrival here if that gives more: clocks may differ.
func (q *queue) oldest() (age time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, held := range q.held {
		for _, d := range held {
			if !d.begun {
				age = max(age, time.Since(entryTime(d.entryID)), time.Since(d.arrived))
			}
		}
	}
	return age
}

// drained returns a channel that is closed when nothing is held.
func (q *queue) drained() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.empty
}

// close makes next return nil as soon as everything that was pushed is free. Nothing may be pushed after it.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closing = true
	if q.total == [2]int{} {
		q.finish()
	}
}

func (q *queue) finish() {
	if q.closing {
		q.finished = true
		q.changed.Broadcast()
	}
}
