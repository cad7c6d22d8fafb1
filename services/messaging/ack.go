package messaging

import (
	"context"
	"time"
)

const (
	mostAcked = 96                   // with one command
	ackDelay  = 5 * time.Millisecond // how long the first of a batch waits for others
)

// An acker acknowledges the settled messages of one partition, many with one command.
type acker struct {
	*member
	queue     *queue
	partition int
	settled   chan string // entry ids; holds all that the queue holds
	enough    int         // settled entries are acknowledged at once: half of the partition's places, so that the others stay busy
}

func newAcker(m *member, q *queue, partition int) *acker {
	enough := max(1, min(m.InFlight*3/4/m.Partitions/2, mostAcked))
	return &acker{member: m, queue: q, partition: partition, settled: make(chan string, m.InFlight), enough: enough}
}

// add queues an entry for acknowledgement. The entry keeps its place in the consumer's queue until then: while Redis accepts
// no acknowledgements, the consumer stops, because it would process messages in vain.
func (a *acker) add(entryID string) { a.settled <- entryID }

// close makes run acknowledge the rest and return.
func (a *acker) close() { close(a.settled) }

func (a *acker) run(ctx context.Context) {
	batch := make([]string, 0, a.enough)
	due := time.NewTimer(ackDelay)
	due.Stop()
	for open := true; open; {
		var entryID string
		select {
		case entryID, open = <-a.settled:
			if open {
				batch = append(batch, entryID)
			}
			if len(batch) == 1 && open {
				due.Reset(ackDelay)
			}
			if open && len(batch) < a.enough {
				continue
			}
		case <-due.C:
		}
		a.settle(ctx, batch)
		batch = batch[:0]
	}
}

// settle acknowledges a batch and frees its places in the queue. It repeats until Redis answers or ctx ends, which is safe:
// acknowledging an entry twice changes nothing.
func (a *acker) settle(ctx context.Context, batch []string) {
	if len(batch) == 0 {
		return
	}
	defer a.queue.free(a.partition, batch...)
	for pause := retryFirst; ; {
		err := a.acknowledge(ctx, a.partition, batch)
		if err == nil || !a.pauseAfter(ctx, "acknowledging messages", &pause, err) {
			return
		}
	}
}
