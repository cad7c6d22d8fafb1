package service

import (
	"context"
	"errors"
	"time"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/outbox"
)

const (
	publishedRetention = 24 * time.Hour // of the outbox's rows: how far back a replay can go
	housekeepingPause  = time.Hour
)

// This compiles only if inboxes remember events for longer than they can be replayed: else one could take effect twice.
const _ = uint64(messaging.InboxRetention - publishedRetention - 1)

// Housekeeping adds a loop that purges old rows, at the start and once an hour: published messages after 24 h, the ids of
// processed ones after 8 days. Then it calls also.
func (s *Service) Housekeeping(out *outbox.Table, also ...func(context.Context) error) {
	purges := append([]func(context.Context) error{func(ctx context.Context) error {
		return out.Purge(ctx, publishedRetention)
	}}, also...)
	s.Every("housekeeping", housekeepingPause, all(purges))
}

// all calls one after the other, even if one fails.
func all(purges []func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		var errs []error
		for _, purge := range purges {
			errs = append(errs, purge(ctx))
		}
		return errors.Join(errs...)
	}
}
