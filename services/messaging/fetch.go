package messaging

import (
	"context"
	"sync"
)

// A fetcher reads new messages of one partition.
type fetcher struct {
	*member
	queue     *queue
	outage    *outage
	quiet     *sync.RWMutex // held for reading while something is added to the queue
	partition int
}

// run fetches until ctx ends. It waits for a Redis that is away, and joins again one that has lost its data.
func (f *fetcher) run(ctx context.Context) {
	joined, pause := false, retryFirst
	for ctx.Err() == nil {
		var err error
		if !joined {
			err = f.join(ctx, f.partition)
			joined = err == nil
		}
		if joined {
			err = f.once(ctx)
		}
		if err == nil {
			pause = retryFirst
			continue
		}
		joined = false // it may be another Redis, or somebody has deleted the group
		if !f.pauseAfter(ctx, "fetching messages", &pause, err) {
			return
		}
	}
}

// once waits for room, asks for as many messages as fit and queues them.
func (f *fetcher) once(ctx context.Context) error {
	if !f.outage.wait(ctx) {
		return nil
	}
	f.quiet.RLock()
	defer f.quiet.RUnlock()
	room := f.queue.room(f.partition, fetched)
	if room == 0 {
		select {
		case <-ctx.Done():
		case <-f.queue.freed[f.partition]:
		}
		return nil
	}
	entries, err := f.fetch(ctx, f.partition, room)
	deliveries := make([]*delivery, len(entries))
	for i, entry := range entries {
		deliveries[i] = f.take(f.partition, fetched, pendingEntry{XMessage: entry})
	}
	f.queue.push(deliveries...)
	return err
}

// take makes a delivery of an entry that Redis has just given to this consumer.
func (m *member) take(partition int, by intake, e pendingEntry) *delivery {
	d := &delivery{partition: partition, entryID: e.ID, entry: e.XMessage, by: by}
	d.Stream, d.Deliveries = m.stream, e.deliveries+1
	d.Subject, _ = e.Values[fieldSubject].(string)
	if e.owner != "" && e.owner != retryConsumer && e.owner != m.Name {
		d.takenFrom, d.takenIdle = e.owner, e.idle
		m.instrumentation.takenOver.Inc()
	}
	m.instrumentation.consumed.Inc()
	if e.deliveries == 0 && e.Values[headerRedriveGroup] == m.Group {
		m.instrumentation.redriven.Inc() // here: a command that redrives is not scraped
	}
	return d
}
