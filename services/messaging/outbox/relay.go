package outbox

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"example.com/clew/services/messaging"
)

const (
	batch       = 500
	leaseTime   = 10 * time.Second // must exceed the time that publishing a batch takes
	poll        = time.Second      // for rows that another process wrote or a dead relay left
	maxFailures = 5                // of a row itself, then it stays where it is until somebody looks

	lastPass = 5 * time.Second

	pauseFirst, pauseMost = 100 * time.Millisecond, 2 * time.Second // while Redis or the database is away
)

// A Relay adds the outbox's messages to their streams. Several relays of one database run side by side.
type Relay struct {
	outbox          *Outbox
	publisher       *messaging.Publisher
	logger          *slog.Logger
	instrumentation instrumentation
}

// NewRelay returns a relay that Run starts. The counters of the types that it will publish exist, at 0, before the first is
// sent.
func NewRelay(o *Outbox, types ...messaging.EventType) *Relay {
	return &Relay{
		outbox: o, publisher: o.streams.Publisher(types...), logger: o.streams.Logger,
		instrumentation: newInstrumentation(o.streams.Registerer),
	}
}

// Run publishes until ctx ends, whatever happens to Redis and the database in between. A batch that was begun is
// finished, and what was committed until then is published by a last pass, which may take 5 s. Run returns nil: what the
// last pass cannot publish stays in the outbox for the next relay, and is logged.
func (r *Relay) Run(ctx context.Context) error {
	var sampling sync.WaitGroup
	defer sampling.Wait()
	sampling.Go(func() { r.sample(ctx) })

	polling := time.NewTicker(poll)
	defer polling.Stop()
	work := context.WithoutCancel(ctx)
	for pause := pauseFirst; ctx.Err() == nil; {
		n, err := r.publish(work)
		switch {
		case err != nil:
			r.logger.Warn("publishing the outbox stopped, trying again", "error", err, "pause", pause)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			pause = min(2*pause, pauseMost)
		case n < batch:
			pause = pauseFirst
			select {
			case <-r.outbox.committed:
			case <-polling.C:
			case <-ctx.Done():
			}
		}
	}
	work, cancel := context.WithTimeout(work, lastPass)
	defer cancel()
	for {
		n, err := r.publish(work)
		if err != nil {
			r.logger.Warn("the last pass over the outbox failed, the next relay goes on", "error", err)
		}
		if err != nil || n < batch {
			return nil
		}
	}
}

// publish makes one batch of what is due, and returns its size.
func (r *Relay) publish(ctx context.Context) (int, error) {
	rows, err := r.outbox.lease(ctx, batch, leaseTime)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	messages := make([]messaging.Message, len(rows))
	for i, row := range rows {
		messages[i] = row.message()
	}
	errs := r.publisher.Publish(ctx, messages...)
	r.instrumentation.published(rows, errs)
	return len(rows), errors.Join(r.outbox.settle(ctx, rows, errs), r.outage(rows, errs))
}

// outage returns the first error that is no message's own, and logs those that are.
func (r *Relay) outage(rows []row, errs []error) error {
	for i, err := range errs {
		if messaging.IsPermanent(err) {
			r.logger.Error("a message cannot be published", "message", rows[i].ID, "failures", rows[i].Failures+1,
				"parked_after", maxFailures, "error", err)
		} else if err != nil {
			return err
		}
	}
	return nil
}
