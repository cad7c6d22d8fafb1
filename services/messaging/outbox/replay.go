package outbox

import (
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/internal/rows"
)

const replayBatch = 1000 // rows

// A Replay is a range of messages to publish again, under the same ids, because Redis may have lost them. A service that has
// already processed one of the events publishes its answers again.
//
// It goes in batches, by the ids of messages, which sort by the time of their creation. Each batch commits, so an interrupted
// replay may go on or start again.
type Replay struct {
	After  string `json:"after"`  // the messages behind this id
	Before string `json:"before"` // and in front of this one
}

// NewReplay returns a replay of the messages whose age is now between until and since, to the millisecond. Unless forced, it
// returns messaging.ErrTooOld if some may be older than messaging.InboxRetention.
func NewReplay(since, until time.Duration, force bool) (Replay, error) {
	if since > messaging.InboxRetention && !force {
		return Replay{}, messaging.ErrTooOld
	}
	now := time.Now()
	return Replay{firstID(now.Add(-since)), firstID(now.Add(-until))}, nil
}

// firstID sorts before every UUIDv7 of this millisecond, and after those of earlier ones.
func firstID(t time.Time) string {
	ms := t.UnixMilli()
	return fmt.Sprintf("%08x-%04x", ms>>16, ms&0xffff)
}

// Replay marks one batch of a replay to be published again. It returns the number of messages, and the rest of the replay, or
// nil if nothing is left.
func (t *Table) Replay(ctx context.Context, r Replay) (int, *Replay, error) {
	ids, err := t.replay(ctx, "published_at > 0 AND id > $1 AND id < $2", r.After, r.Before)
	if err != nil || len(ids) < replayBatch {
		return len(ids), nil, err
	}
	return len(ids), &Replay{ids[len(ids)-1], r.Before}, nil
}

// ReplayParked marks all parked messages to be published again, and returns their number. Unless forced, it leaves out
// messages that were published before and are older than messaging.InboxRetention.
func (t *Table) ReplayParked(ctx context.Context, force bool) (n int, err error) {
	oldest := firstID(time.Now().Add(-messaging.InboxRetention))
	if force {
		oldest = ""
	}
	for after := ""; ; {
		ids, err := t.replay(ctx, "published_at = 0 AND failures >= $1 AND id > $2 AND (replayed = 0 OR id > $3)",
			maxFailures, after, oldest)
		n += len(ids)
		if err != nil || len(ids) < replayBatch {
			return n, err
		}
		after = ids[len(ids)-1]
	}
}

// replay replays the first rows for which a condition holds, and returns their ids in order.
func (t *Table) replay(ctx context.Context, condition string, args ...any) (ids []string, err error) {
	ids, err = rows.Values[string](ctx, t.query, fmt.Sprintf(
		"UPDATE outbox SET published_at = 0, leased_until = 0, failures = 0, replayed = 1 WHERE id IN (%s) RETURNING id",
		rows.Locked(t.system, fmt.Sprintf("SELECT id FROM outbox WHERE %s ORDER BY id LIMIT %d", condition, replayBatch))), args...)
	if err != nil {
		return nil, fmt.Errorf("replay the outbox: %w", err)
	}
	t.wake()
	slices.Sort(ids)
	return ids, nil
}
