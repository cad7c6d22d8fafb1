package process

import (
	"context"
	"log/slog"
	"time"

	"example.com/clew/services/messaging/outbox"
)

const (
	publishedRetention = 24 * time.Hour // of the outbox's rows: how far back a replay can go
	processedRetention = 48 * time.Hour // of the inbox's
	housekeepingPause  = time.Hour
)

// An event that is replayed after the inbox has forgotten it would take effect twice: this does not compile unless the
// inbox remembers longer.
const _ = uint64(processedRetention - publishedRetention - 1)

// Housekeeping adds a loop that deletes what is past its retention, at the start and once an hour: published messages
// after 24 h, the ids of processed ones after 48 h, and what else the service purges.
func (p *Process) Housekeeping(out *outbox.Outbox, also ...func(context.Context) error) {
	purges := append([]func(context.Context) error{func(ctx context.Context) error {
		return out.Purge(ctx, publishedRetention, processedRetention)
	}}, also...)
	p.add("housekeeping", func(ctx context.Context) error { return keepHouse(ctx, p.tel.Logger, purges) })
}

// keepHouse returns nil when ctx ends. What fails is tried again an hour later: it is only late.
func keepHouse(ctx context.Context, logger *slog.Logger, purges []func(context.Context) error) error {
	ticker := time.NewTicker(housekeepingPause)
	defer ticker.Stop()
	for {
		for _, purge := range purges {
			if err := purge(ctx); err != nil && ctx.Err() == nil {
				logger.WarnContext(ctx, "housekeeping failed", "error", err, "again_in", housekeepingPause)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
