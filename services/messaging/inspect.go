package messaging

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// StreamInfo is one partition of a stream. Its times are ages in seconds, by Redis's clock.
type StreamInfo struct {
	Stream           string      `json:"stream"`
	Partition        int         `json:"partition"`
	Messages         int64       `json:"messages"`
	DeadLetters      int64       `json:"dead_letters"`
	OldestDeadLetter float64     `json:"oldest_dead_letter_seconds"` // since it was given up; 0 without one
	Groups           []GroupInfo `json:"groups"`
}

// GroupInfo is a consumer group of one partition.
type GroupInfo struct {
	Name          string  `json:"name"`
	Consumers     int64   `json:"consumers"`              // without the pseudo-consumer retry
	Pending       int64   `json:"pending"`                // delivered, not acknowledged
	OldestPending float64 `json:"oldest_pending_seconds"` // since it was added to the stream; 0 without one
	Lag           int64   `json:"lag"`                    // not delivered
	LagCapped     bool    `json:"lag_capped"`             // the lag is at least that
	LagSeconds    float64 `json:"lag_seconds"`            // since the oldest of them was added; 0 without one
}

const (
	// Up to so many undelivered messages are counted one by one. Redis's own lag is a hint: Redis 7.0 does not know it
	// after a deletion or for a group that started in the middle, and has it wrong for good once entries were trimmed
	// that a group had not read.
	maxCounted = 10_000

	// A page of them is small, because a script holds it in memory, and Redis does nothing else meanwhile.
	countedPage = 100
)

func inspectStream(ctx context.Context, client redis.UniversalClient, stream string, partitions int) ([]StreamInfo, error) {
	infos := make([]StreamInfo, partitions)
	for partition := range infos {
		info, err := inspect(ctx, client, stream, partition)
		if err != nil {
			return nil, fmt.Errorf("look at %s: %w", StreamKey(stream, partition), err)
		}
		infos[partition] = info
	}
	return infos, nil
}

func inspect(ctx context.Context, client redis.UniversalClient, stream string, partition int) (StreamInfo, error) {
	key, dead := StreamKey(stream, partition), deadLetterKey(stream, partition)
	pipeline := client.Pipeline()
	now := pipeline.Time(ctx)
	groups := pipeline.XInfoGroups(ctx, key)
	messages := pipeline.XLen(ctx, key)
	deadLetters := pipeline.XLen(ctx, dead)
	oldestDead := pipeline.XRangeN(ctx, dead, "-", "+", 1)
	if _, err := pipeline.Exec(ctx); err != nil && !isNoStream(err) {
		return StreamInfo{}, err
	}
	info := StreamInfo{
		Stream: stream, Partition: partition, Messages: messages.Val(), DeadLetters: deadLetters.Val(), Groups: []GroupInfo{},
	}
	for _, entry := range oldestDead.Val() {
		info.OldestDeadLetter = age(now.Val(), entry.ID)
	}
	for _, g := range groups.Val() {
		group, err := inspectGroup(ctx, client, key, g, info.Messages, now.Val())
		if err != nil {
			return StreamInfo{}, fmt.Errorf("group %s: %w", g.Name, err)
		}
		info.Groups = append(info.Groups, group)
	}
	return info, nil
}

func inspectGroup(
	ctx context.Context, client redis.UniversalClient, key string, g redis.XInfoGroup, messages int64, now time.Time,
) (GroupInfo, error) {
	pipeline := client.Pipeline()
	consumers := pipeline.XInfoConsumers(ctx, key, g.Name)
	pending := pipeline.XPending(ctx, key, g.Name)
	if _, err := pipeline.Exec(ctx); err != nil {
		return GroupInfo{}, err
	}
	info := GroupInfo{Name: g.Name, Pending: pending.Val().Count, OldestPending: age(now, pending.Val().Lower)}
	for _, c := range consumers.Val() {
		if c.Name != retryConsumer {
			info.Consumers++
		}
	}
	counted, oldest, err := countAfter(ctx, client, key, g.LastDeliveredID)
	if err != nil {
		return GroupInfo{}, err
	}
	info.Lag, info.LagSeconds = counted, age(now, oldest)
	if counted >= maxCounted {
		info.Lag = max(counted, min(g.Lag, messages))
		info.LagCapped = g.Lag < counted
	}
	return info, nil
}

// countAfter counts the entries after an id, up to maxCounted, and returns the id of the first, "" without one.
func countAfter(ctx context.Context, client redis.UniversalClient, key, after string) (counted int64, oldest string, err error) {
	for counted < maxCounted {
		page, err := countPage.Run(ctx, client, []string{key}, after, countedPage).Slice()
		if err != nil {
			return 0, "", err
		}
		if oldest == "" {
			oldest = page[1].(string)
		}
		counted += page[0].(int64)
		after = page[2].(string)
		if page[0].(int64) < countedPage {
			break
		}
	}
	return counted, oldest, nil
}

// age is how long ago an entry was added, in seconds; 0 for no entry.
func age(now time.Time, entryID string) float64 {
	if entryID == "" {
		return 0
	}
	return max(0, now.Sub(entryTime(entryID)).Seconds())
}

// entryTime is when Redis added an entry: its id starts with the time in milliseconds.
func entryTime(entryID string) time.Time {
	text, _, _ := strings.Cut(entryID, "-")
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// isNoStream tells the error of asking for the groups of a stream that does not exist.
func isNoStream(err error) bool {
	return strings.Contains(err.Error(), "no such key") || strings.Contains(err.Error(), "requires the key to exist")
}
