package outbox

import (
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
)

const replayBatch = 1000 // rows

// A Replay is what the relay is to publish again, under the ids it had. That repairs whatever Redis lost: who has
// processed an event already publishes its answers again.
//
// It goes in batches, by the ids of messages, which sort by the time of their creation. What was done stays done, so a
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

// Replay makes one batch of a replay, and returns how many messages it has and what is left to replay, nil if nothing is.
func (o *Outbox) Replay(ctx context.Context, r Replay) (int, *Replay, error) {
	ids, err := o.replay(ctx, "published_at > 0 AND id > ? AND id < ?", r.After, r.Before)
	if err != nil || len(ids) < replayBatch {
		return len(ids), nil, err
	}
	return len(ids), &Replay{ids[len(ids)-1], r.Before}, nil
}

// ReplayParked replays what is parked, and returns how many messages there are. Those that never were published have no
// age; of others the oldest are left out, unless forced, as NewReplay says.
func (o *Outbox) ReplayParked(ctx context.Context, force bool) (n int, err error) {
	oldest := firstID(time.Now().Add(-messaging.InboxRetention))
	if force {
		oldest = ""
	}
	for after := ""; ; {
		ids, err := o.replay(ctx, "published_at = 0 AND failures >= ? AND id > ? AND (replayed = 0 OR id > ?)",
			maxFailures, after, oldest)
		n += len(ids)
		if err != nil || len(ids) < replayBatch {
			return n, err
		}
		after = ids[len(ids)-1]
	}
}

// replay replays the first rows for which a condition holds, and returns their ids in order.
func (o *Outbox) replay(ctx context.Context, condition string, args ...any) (ids []string, err error) {
	db := o.db.Write.WithContext(ctx)
	due := db.Table("outbox").Select("id").Where(condition, args...).Order("id").Limit(replayBatch)
	err = db.Raw("UPDATE outbox SET published_at = 0, leased_until = 0, failures = 0, replayed = 1 WHERE id IN (?) RETURNING id",
		database.Locked(due)).Scan(&ids).Error
	if err != nil {
		return nil, fmt.Errorf("replay the outbox: %w", err)
	}
	o.wake()
	slices.Sort(ids)
	return ids, nil
}
