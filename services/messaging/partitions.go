package messaging

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// MaxPartitions is the largest number of partitions of a stream.
const MaxPartitions = 256

// A PartitionsError says that this program's number of partitions of a stream is not the one in Redis. With the wrong number
// messages are published where nobody reads them, or not read where they were published.
type PartitionsError struct {
	Stream  string
	Told    int // in this program's configuration
	InRedis int // and so in all others
}

func (e *PartitionsError) Error() string {
	return fmt.Sprintf("the stream %s has %d partitions in this Redis, not %d: all who share it need the same number",
		e.Stream, e.InRedis, e.Told)
}

// AgreePartitions makes sure that all programs have the same number of partitions of a stream. The first call sets the number
// in Redis; a program with another number gets a *PartitionsError. Publishers, consumers and samplers call it before they do
// anything else.
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
			return fmt.Errorf("read %s: %w", key, misconfigured(s.client, err))
		case there != s.Partitions:
			return &PartitionsError{stream, s.Partitions, there}
		default:
			return nil
		}
	}
}

// SetPartitions changes the number of partitions of streams. Nobody may use them meanwhile: see LivingConsumers. It fails,
// and changes nothing, if a partition that would go still has dead letters or unfinished messages.
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

// unfinished returns an error that names the messages that would be lost without this partition, or nil.
func (s StreamInfo) unfinished() error {
	name := fmt.Sprintf("%s/%d", s.Stream, s.Partition)
	if s.DeadLetters > 0 {
		return fmt.Errorf("%s has %d dead letters: redrive or discard them first", name, s.DeadLetters)
	}
	if s.Messages > 0 && len(s.Groups) == 0 {
		return fmt.Errorf("%s has %d messages that no group has read", name, s.Messages)
	}
	for _, g := range s.Groups {
		if left := g.Pending + g.Lag; left > 0 {
			return fmt.Errorf("%s has %d messages that the group %q has not finished: let it finish, or forget it", name, left, g.Name)
		}
	}
	return nil
}

// aliveFor is how long a consumer counts as alive after its last sign of life: far longer than a fetch takes.
const aliveFor = 15 * time.Second

// LivingConsumers names the consumers that read these streams now, in partitions of any number.
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
