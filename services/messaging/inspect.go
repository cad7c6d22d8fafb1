package messaging

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/redis/go-redis/v9"
)

// StreamInfo describes one partition of a stream. Its ages are in seconds, by Redis's clock.
type StreamInfo struct {
	Stream           string      `json:"stream"`
	Partition        int         `json:"partition"`
	Master           string      `json:"master,omitempty"` // the address that Sentinel or the cluster gives; Admin.Streams tells it
	Messages         int64       `json:"messages"`
	DeadLetters      int64       `json:"dead_letters"`
	OldestDeadLetter float64     `json:"oldest_dead_letter_seconds"` // since it was given up; 0 without one
	Groups           []GroupInfo `json:"groups"`
}

// GroupInfo describes a consumer group of one partition.
type GroupInfo struct {
	Name          string  `json:"name"`
	Consumers     int64   `json:"consumers"`              // heard of in the last 15 s; without the pseudo-consumer retry
	Pending       int64   `json:"pending"`                // delivered, not acknowledged
	OldestPending float64 `json:"oldest_pending_seconds"` // since it was added to the stream; 0 without one
	Lag           int64   `json:"lag"`                    // not delivered
	LagCapped     bool    `json:"lag_capped"`             // Lag is a lower bound

	// LagSeconds is the age of the oldest message that was not delivered, or that a consumer gave back before it was begun
	// (it is pending, but waits like an undelivered one); 0 without one.
	LagSeconds float64 `json:"lag_seconds"`
}

// An inspector looks at the partitions of a stream. It remembers earlier looks, which make the next one more exact.
type inspector struct {
	client     redis.UniversalClient
	stream     string
	partitions []memory
	now        func() time.Time
	aliveFor   time.Duration // a consumer counts after its last sign of life
}

// A memory keeps facts from earlier looks at a partition.
type memory struct {
	marks marks
	first map[sight]time.Time // when it was first seen
}

// A sight is a group's oldest message that is pending, or that waits for a handler.
type sight struct {
	group, entryID string
	pending        bool
}

func newInspector(client redis.UniversalClient, stream string, partitions int) *inspector {
	return &inspector{client, stream, make([]memory, partitions), time.Now, aliveFor}
}

// inspect looks at each partition. It takes few round trips to Redis, whatever the number of partitions and groups. With an error
// it returns those at which it could look.
func (in *inspector) inspect(ctx context.Context) ([]StreamInfo, error) {
	looks, err := in.look(ctx)
	if err != nil {
		err = fmt.Errorf("look at %s: %w", in.stream, err)
	}
	infos := make([]StreamInfo, 0, len(looks))
	var uncounted []unread
	for partition, l := range looks {
		if l == nil {
			continue
		}
		m := &in.partitions[partition]
		m.marks = m.marks.with(l)
		ages := m.ages(l.now, in.now())
		groups := make([]GroupInfo, len(l.groups))
		for i, g := range l.groups {
			groups[i] = GroupInfo{
				Name: g.name, Consumers: g.consumers, Pending: g.pending,
				OldestPending: ages(sight{g.name, g.oldestPending, true}),
				LagSeconds:    ages(sight{g.name, g.oldestWaiting, false}),
			}
			var upTo entryID
			if groups[i].Lag, upTo = l.lag(g, m.marks); upTo != g.delivered {
				uncounted = append(uncounted, unread{partition, g.delivered, upTo, &groups[i]})
			}
		}
		infos = append(infos, StreamInfo{
			Stream: in.stream, Partition: partition, Messages: l.length, Groups: groups,
			DeadLetters: l.deadLetters, OldestDeadLetter: age(l.now, l.oldestDeadLetter),
		})
	}
	if counting := in.count(ctx, uncounted); counting != nil && err == nil {
		err = fmt.Errorf("count %s: %w", in.stream, counting)
	}
	return infos, err
}

// ages returns a function for a message's age in seconds, 0 for none. It is at least the time for which this process has
// seen the message: if Redis's clock was set back, or is that of a replica that is behind, ids are in the future.
func (m *memory) ages(redisNow, now time.Time) func(sight) float64 {
	before := m.first
	m.first = map[sight]time.Time{}
	return func(s sight) float64 {
		if s.entryID == "" {
			return 0
		}
		first, seen := before[s]
		if !seen {
			first = now
		}
		m.first[s] = first
		return max(age(redisNow, s.entryID), now.Sub(first).Seconds())
	}
}

// age is the time since an entry was added, in seconds; 0 for no entry.
func age(now time.Time, entryID string) float64 {
	if entryID == "" {
		return 0
	}
	return max(0, now.Sub(entryTime(entryID)).Seconds())
}

// entryTime is the time at which Redis added an entry: its id starts with the milliseconds.
func entryTime(id string) time.Time {
	return time.UnixMilli(int64(min(parseEntryID(id).ms, math.MaxInt64)))
}
