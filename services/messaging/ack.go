package messaging

import (
	"context"
	"time"
)

const (
	ackBatch = 128
	ackDelay = 5 * time.Millisecond // how long the first of a batch waits for others
)

// An acker acknowledges the settled messages of one partition, many with one command.
type acker struct {
	consumer  *Consumer
	partition int
	settled   chan string // entry ids; holds all that the queue holds
}

func newAcker(c *Consumer, partition int) *acker {
	return &acker{consumer: c, partition: partition, settled: make(chan string, maxInFlight)}
}

// add hands over an entry. It keeps its place in the queue until it is acknowledged: what cannot be acknowledged stops
// the consumer, for it would be processed for nothing.
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
		a.acknowledge(ctx, batch)
		batch = batch[:0]
	}
}

// acknowledge repeats itself until Redis took the batch or ctx ended, and gives up the places in the queue. Repeating is
// safe: an entry that is no longer pending is not acknowledged twice.
func (a *acker) acknowledge(ctx context.Context, batch []string) {
	if len(batch) == 0 {
		return
	}
	c := a.consumer
	defer c.queue.free(a.partition, batch...)
	key := StreamKey(c.sub.Stream, a.partition)
	for pause := retryFirst; ; {
		started := time.Now()
		err := c.client.XAck(ctx, key, c.sub.Group, batch...).Err()
		if err == nil {
			c.instrumentation.ack.Observe(time.Since(started).Seconds())
			return
		}
		if !c.again(ctx, "acknowledging messages", &pause, err) {
			return
		}
	}
}
