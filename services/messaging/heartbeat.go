package messaging

import (
	"context"
	"time"
)

// unbegun is how long a message may wait in a consumer's queue before it is given back, for another consumer to begin it.
const unbegun = time.Second

// A heart keeps the messages that a consumer holds in one partition from being taken over.
type heart struct {
	*member
	queue     *queue
	partition int
}

// run beats until ctx ends. Partitions take turns, so that Redis has time for others in between.
func (h *heart) run(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(h.Heartbeat * time.Duration(h.partition) / time.Duration(h.Partitions)):
	}
	every := time.NewTicker(h.Heartbeat)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if err := h.beat(ctx); err != nil && ctx.Err() == nil && !isNoGroup(err) {
			h.logger.Warn("a heartbeat failed", "key", h.key(h.partition), "error", err)
		}
	}
}

func (h *heart) beat(ctx context.Context) error {
	if err := h.release(ctx, h.partition, 0, false, h.queue.giveBack(h.partition, unbegun)...); err != nil {
		return err
	}
	full, err := h.keepAlive(ctx, h.partition, h.queue.holds(h.partition))
	if err == nil && full {
		return h.trim(ctx, h.partition, 0) // Redis is full: drop everything that all groups have acknowledged
	}
	return err
}
