package outbox

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"example.com/clew/services/messaging"
)

// The limits of a batch.
const (
	batchRows  = 500
	batchBytes = 1 << 20 // of data, so that a slow network takes it within the client's timeout; one row, if that has more
)

const (
	leaseTime   = 10 * time.Second // must exceed the time that publishing a batch takes
	poll        = time.Second      // for rows that another process wrote or a dead relay left
	maxFailures = 5                // of a row itself, then it stays where it is until somebody looks

	lastPass = 5 * time.Second

	pauseFirst, pauseMost = 100 * time.Millisecond, 2 * time.Second // while Redis or the database is away
)

// A Relay adds the outbox's messages to their streams. Several relays of one database run side by side.
type Relay struct {
	outbox          *Table
	publisher       *messaging.Publisher
	logger          *slog.Logger
	instrumentation instrumentation

	mu    sync.Mutex
	apart map[partition]bool // those that have a loop of their own
}

// NewRelay returns a relay that Run starts. The counters of the types that it will publish exist, at 0, before the first is
// sent.
func NewRelay(t *Table, types ...messaging.EventType) *Relay {
	return &Relay{
		outbox: t, publisher: t.streams.Publisher(types...), logger: t.streams.Logger,
		instrumentation: newInstrumentation(t.streams.Registerer),
		apart:           map[partition]bool{},
	}
}

// Run publishes until ctx ends, whatever happens to Redis and the database in between. A batch that was begun is
// finished, and what was committed until then is published by a last pass, which may take 5 s. Run returns nil: what the
// last pass cannot publish stays in the outbox for the next relay, and is logged.
func (r *Relay) Run(ctx context.Context) error {
	var loops sync.WaitGroup
	loops.Go(func() { r.sample(ctx) })

	polling := time.NewTicker(poll)
	defer polling.Stop()
	work := context.WithoutCancel(ctx)
	for pause := pauseFirst; ctx.Err() == nil; {
		b, err := r.publish(work, batchRows, r.rest()...)
		moved := slices.Contains(b.errs, nil)
		for p, cause := range r.failed(b) {
			if r.setApart(p) {
				moved = true
				loops.Go(func() { r.runApart(ctx, p, cause) })
			}
		}
		switch {
		case err != nil:
			r.logger.Warn("publishing the outbox stopped, trying again", "error", err, "pause", pause)
			sleep(ctx, pause)
			pause = min(2*pause, pauseMost)
		case !b.full() || !moved:
			pause = pauseFirst
			if len(r.rest()) > 0 { // to look past the rows of other partitions, however many, takes a tenth of the time
				sleep(ctx, 9*b.looked)
			}
			select {
			case <-r.outbox.committed:
			case <-polling.C:
			case <-ctx.Done():
			}
		}
	}
	loops.Wait()
	work, cancel := context.WithTimeout(work, lastPass)
	defer cancel()
	r.finish(work)
	return nil
}

// finish makes the last pass, which tries each partition once more.
func (r *Relay) finish(ctx context.Context) {
	clear(r.apart)
	for {
		b, err := r.publish(ctx, batchRows, r.rest()...)
		for p, cause := range r.failed(b) {
			r.setApart(p)
			r.logger.Warn("the last pass over the outbox failed, the next relay goes on", "stream", p.stream,
				"partition", p.number, "error", cause)
		}
		if err != nil {
			r.logger.Warn("the last pass over the outbox failed, the next relay goes on", "error", err)
		}
		if err != nil || !b.full() {
			return
		}
	}
}

// A batch is published at once.
type batch struct {
	rows   []row
	errs   []error       // one for each row, nil if it was published
	looked time.Duration // how long it took to find the rows
}

// publish makes a batch of at most so many rows that are due and fulfil the conditions.
func (r *Relay) publish(ctx context.Context, limit int, conditions ...condition) (b batch, err error) {
	began := time.Now()
	b.rows, err = r.outbox.lease(ctx, limit, conditions...)
	b.looked = time.Since(began)
	if err != nil || len(b.rows) == 0 {
		return b, err
	}
	messages := make([]messaging.Message, len(b.rows))
	for i, row := range b.rows {
		messages[i] = row.message()
	}
	b.errs = r.publisher.Publish(ctx, messages...)
	r.instrumentation.published(b.rows, b.errs)
	return b, r.outbox.settle(ctx, b.rows, b.errs)
}

// full reports whether there may be more than the batch had room for.
func (b batch) full() bool {
	bytes := 0
	for _, row := range b.rows {
		bytes += len(row.Data)
	}
	return len(b.rows) == batchRows || bytes+messaging.MaxDataBytes > batchBytes
}

// sleep ends early with ctx, and reports whether it did not.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
