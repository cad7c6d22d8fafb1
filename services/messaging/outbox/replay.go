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

// A Replay tells the relay which messages to publish again, under the ids that they had. That repairs losses of Redis: a
// service that has processed an event already publishes its answers again.
//
// It goes in batches, by the ids of messages, which sort by the time of their creation. Each batch stays done, so a
// replay that was interrupted may go on or begin again.
type Replay struct {
	After  string `json:"after"`  // the messages behind this id
	Before string `json:"before"` // and in front of this one
}

// NewReplay is a replay of the messages that were created from one time on, to the millisecond, and before another. It is
// messaging.ErrTooOld, unless forced, if some of them may be older than messaging.InboxRetention.
func NewReplay(since, until time.Duration, force bool) (Replay, error) {
	if since > messaging.InboxRetention && !force {
		return Replay{}, messaging.ErrTooOld
	}
	now := time.Now()
	return Replay{firstID(now.Add(-since)), firstID(now.Add(-until))}, nil
}

// firstID is in front of every UUIDv7 of a time, and behind those of times before.
func firstID(t time.Time) string {
	ms := t.UnixMilli()
	return fmt.Sprintf("%08x-%04x", ms>>16, ms&0xffff)
}

// Replay makes one batch of a replay, and returns how many messages it has, and the rest of the replay, nil if nothing is left.
func (t *Table) Replay(ctx context.Context, r Replay) (int, *Replay, error) {
	ids, err := t.replay(ctx, "published_at > 0 AND id > $1 AND id < $2", r.After, r.Before)
	if err != nil || len(ids) < replayBatch {
		return len(ids), nil, err
	}
	return len(ids), &Replay{ids[len(ids)-1], r.Before}, nil
}

// ReplayParked replays parked messages, and returns how many messages there are. Those that never were published have no
// age; of others the oldest are left out, unless forced, as NewReplay says.
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
