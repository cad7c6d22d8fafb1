package messaging

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	janitorEvery = time.Minute
	retention    = 15 * time.Minute // of what every group has acknowledged
	consumerIdle = 5 * time.Minute  // after that a consumer with nothing pending is taken for dead
)

// janitor keeps the stream and its group small until ctx ends.
func (c *Consumer) janitor(ctx context.Context) {
	every := time.NewTicker(janitorEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if err := c.tidy(ctx, retention, consumerIdle); err != nil && ctx.Err() == nil {
			c.logger.Warn("tidying the stream failed", "error", err)
		}
	}
}

// tidy removes dead consumers with nothing pending, and entries that are older than the retention and acknowledged by
// every group. A living consumer that is taken for dead, because nothing came for it, is made again by its heartbeat.
func (c *Consumer) tidy(ctx context.Context, retention, idle time.Duration) error {
	var errs []error
	for partition := range c.sub.Partitions {
		key := StreamKey(c.sub.Stream, partition)
		consumers, err := c.client.XInfoConsumers(ctx, key, c.sub.Group).Result()
		errs = append(errs, err)
		for _, consumer := range consumers {
			if consumer.Name == retryConsumer || consumer.Name == c.name {
				continue
			}
			errs = append(errs, removeConsumer.Run(
				ctx, c.client, []string{key}, c.sub.Group, consumer.Name, idle.Milliseconds()).Err())
		}
		before := fmt.Sprint(time.Now().Add(-retention).UnixMilli())
		errs = append(errs, trim.Run(ctx, c.client, []string{key}, c.sub.Group, before).Err())
	}
	return errors.Join(errs...)
}
