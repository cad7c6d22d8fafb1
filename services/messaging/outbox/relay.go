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
	batchBytes = 1 << 20 // of data, so that a slow network manages within the client's timeout; a larger row is sent alone
)

const (
	leaseTime   = 10 * time.Second // longer than publishing a batch can take
	poll        = time.Second      // for rows that another process wrote or a dead relay left
	maxFailures = 5                // through a row's own fault; then it is parked

	lastPass = 5 * time.Second

	pauseFirst, pauseMost = 100 * time.Millisecond, time.Second // while Redis or the database is away
)

// A Relay adds the outbox's messages to their streams. Several relays of one database can run at the same time.
type Relay struct {
	outbox          *Table
	publisher       *messaging.Publisher
	logger          *slog.Logger
	instrumentation instrumentation

	mu    sync.Mutex
	apart map[partition]bool // partitions with a loop of their own
}

// NewRelay returns a relay; Run starts it. types are the types that it will publish: their counters exist from the start, at 0.
func NewRelay(t *Table, types ...messaging.EventType) *Relay {
	return &Relay{
		outbox: t, publisher: t.streams.Publisher(types...), logger: t.streams.Logger,
		instrumentation: newInstrumentation(t.streams.Registerer),
		apart:           map[partition]bool{},
	}
}

// Run publishes until ctx ends, whatever happens to Redis and the database meanwhile. Then it finishes its batch and publishes
// everything committed until then, for at most 5 s. Run returns nil: messages that it cannot publish stay in the outbox for the
// next relay, and it logs that.
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
			if len(r.rest()) > 0 { // finding rows behind many of other partitions may take a tenth of the time
				sleep(ctx, 9*b.looked)
			}
			r.await(ctx, polling.C)
		}
	}
	loops.Wait()
	work, cancel := context.WithTimeout(work, lastPass)
	defer cancel()
	r.finish(work)
	return nil
}

// await returns when rows may be waiting, or ctx has ended. When it is time to poll it only looks: leasing writes, and takes
// the database much longer, even if there is nothing to lease. An error to look is left to the lease.
func (r *Relay) await(ctx context.Context, poll <-chan time.Time) {
	for {
		select {
		case <-r.outbox.committed:
			return
		case <-ctx.Done():
			return
		case <-poll:
			if waiting, err := r.outbox.waiting(context.WithoutCancel(ctx)); waiting || err != nil {
				return
			}
		}
	}
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

// A batch is the result of publishing some rows at once.
type batch struct {
	rows   []row
	errs   []error       // one for each row, nil if it was published
	looked time.Duration // how long it took to find the rows
}

// publish publishes a batch of at most limit due rows that fulfil the conditions.
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

// full reports whether more rows may be waiting.
func (b batch) full() bool {
	bytes := 0
	for _, row := range b.rows {
		bytes += len(row.Data)
	}
	return len(b.rows) == batchRows || bytes+messaging.MaxDataBytes > batchBytes
}

// sleep waits for d, and returns false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
