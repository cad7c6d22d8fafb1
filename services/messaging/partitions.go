package messaging

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// MaxPartitions is how many partitions a stream may have.
const MaxPartitions = 256

// A PartitionsError says that a stream has another number of partitions than this program was told. The number decides
// where a message travels: with the wrong one it is published where nobody reads, or not read where it was published.
type PartitionsError struct {
	Stream  string
	Told    int // by a configuration
	InRedis int // and so for everybody else
}

func (e *PartitionsError) Error() string {
	return fmt.Sprintf("the stream %s has %d partitions in this Redis, not %d: all who share it need the same number",
		e.Stream, e.InRedis, e.Told)
}

// AgreePartitions makes sure that everybody who shares a Redis agrees on the number of partitions of a stream: the first
// to ask sets it, and for anybody else another number is a *PartitionsError. Publishers, consumers and samplers ask
// before they do anything.
func (a *Admin) AgreePartitions(ctx context.Context, stream string) error {
	return a.agree(ctx, stream)
}

func (s *shared) agree(ctx context.Context, stream string) error {
	key := partitionsKey(stream)
	for {
		there, err := s.client.Get(ctx, key).Int()
		switch {
		case errors.Is(err, redis.Nil): // never set, or lost with Redis's data
			err = s.client.SetArgs(ctx, key, s.Partitions, redis.SetArgs{Mode: "NX"}).Err()
			if err != nil && !errors.Is(err, redis.Nil) { // Nil: somebody else was faster
				return fmt.Errorf("set %s: %w", key, err)
			}
		case err != nil:
			return fmt.Errorf("read %s: %w", key, err)
		case there != s.Partitions:
			return &PartitionsError{stream, s.Partitions, there}
		default:
			return nil
		}
	}
}

// SetPartitions changes the number of partitions of streams, which nobody may use meanwhile: see LivingConsumers. It
// changes nothing, and says why, if a partition that would not be read any more holds something that is not finished.
func (a *Admin) SetPartitions(ctx context.Context, partitions int, streams ...string) error {
	if partitions < 1 || partitions > MaxPartitions {
		return fmt.Errorf("a stream has 1 to %d partitions, not %d", MaxPartitions, partitions)
	}
	for _, stream := range streams {
		all, err := newInspector(a.client, stream, MaxPartitions).inspect(ctx)
		if err != nil {
			return err
		}
		for _, info := range all[partitions:] {
			if err := info.unfinished(); err != nil {
				return err
			}
		}
	}
	for _, stream := range streams {
		if err := a.client.Set(ctx, partitionsKey(stream), partitions, 0).Err(); err != nil {
			return fmt.Errorf("set %s: %w", partitionsKey(stream), err)
		}
	}
	return nil
}

// unfinished says what would be lost if nobody looked at the partition any more.
func (s StreamInfo) unfinished() error {
	key := StreamKey(s.Stream, s.Partition)
	if s.DeadLetters > 0 {
		return fmt.Errorf("%s has %d dead letters: redrive or discard them first", key, s.DeadLetters)
	}
	if s.Messages > 0 && len(s.Groups) == 0 {
		return fmt.Errorf("%s has %d messages that no group has read", key, s.Messages)
	}
	for _, g := range s.Groups {
		if left := g.Pending + g.Lag; left > 0 {
			return fmt.Errorf("%s has %d messages that the group %q has not finished: let it finish, or forget it", key, left, g.Name)
		}
	}
	return nil
}

// aliveFor is how long a consumer counts as alive after it was last heard of: far longer than its fetches take.
const aliveFor = 15 * time.Second

// LivingConsumers names the consumers of streams, whatever their number of partitions.
func (a *Admin) LivingConsumers(ctx context.Context, streams ...string) ([]string, error) {
	pipeline := a.client.Pipeline()
	var groups []*redis.XInfoConsumersCmd
	for _, stream := range streams {
		all, err := newInspector(a.client, stream, MaxPartitions).inspect(ctx)
		if err != nil {
			return nil, err
		}
		for _, info := range all {
			for _, g := range info.Groups {
				groups = append(groups, pipeline.XInfoConsumers(ctx, StreamKey(stream, info.Partition), g.Name))
			}
		}
	}
	if _, err := pipeline.Exec(ctx); err != nil {
		return nil, fmt.Errorf("look for consumers: %w", err)
	}
	var alive []string
	for _, consumers := range groups {
		for _, c := range consumers.Val() {
			if c.Name != retryConsumer && c.Idle < aliveFor {
				alive = append(alive, c.Name)
			}
		}
	}
	return alive, nil
}
