package messaging

import (
	"context"
	"errors"
	"time"
)

const (
	janitorEvery = time.Minute
	mostEntries  = 250_000         // of a partition; a longer one keeps acknowledged messages for less time
	consumerIdle = 5 * time.Minute // a consumer that was idle for longer, with nothing pending, is taken for dead
)

// A janitor keeps a stream and its group small.
type janitor struct{ *member }

// run tidies until ctx ends.
func (j *janitor) run(ctx context.Context) {
	every := time.NewTicker(janitorEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if err := j.tidy(ctx, consumerIdle); err != nil && ctx.Err() == nil {
			j.logger.Warn("tidying the stream failed", "error", err)
		}
	}
}

// tidy removes dead consumers with nothing pending, and entries that are older than the retention and acknowledged by
// every group. If it removes a living consumer, which had no messages for long, the heartbeat makes that consumer again.
func (j *janitor) tidy(ctx context.Context, idle time.Duration) error {
	var errs []error
	for partition := range j.Partitions {
		consumers, err := j.client.XInfoConsumers(ctx, j.key(partition), j.Group).Result()
		errs = append(errs, err)
		for _, consumer := range consumers {
			if consumer.Name != retryConsumer && consumer.Name != j.Name {
				errs = append(errs, j.script(ctx, removeConsumer, partition, consumer.Name, idle.Milliseconds()).Err())
			}
		}
		errs = append(errs, j.trim(ctx, partition, j.Retention))
	}
	return errors.Join(errs...)
}
