package messaging

import (
	"context"
	"time"
)

const (
	ackBatch = 96                   // an eighth of the fetched messages that the default holds: workers have the others meanwhile
	ackDelay = 5 * time.Millisecond // how long the first of a batch waits for others
)

// An acker acknowledges the settled messages of one partition, many with one command.
type acker struct {
	*member
	queue     *queue
	partition int
	settled   chan string // entry ids; holds all that the queue holds
}

func newAcker(m *member, q *queue, partition int) *acker {
	return &acker{member: m, queue: q, partition: partition, settled: make(chan string, m.InFlight)}
}

// add queues an entry for acknowledgement. The entry keeps its place in the consumer's queue until then: while Redis accepts
// no acknowledgements, the consumer stops, because it would process messages in vain.
func (a *acker) add(entryID string) { a.settled <- entryID }

// close makes run acknowledge the rest and return.
func (a *acker) close() { close(a.settled) }

func (a *acker) run(ctx context.Context) {
	batch := make([]string, 0, ackBatch)
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
			if open && len(batch) < ackBatch {
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
