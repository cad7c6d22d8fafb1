package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
)

// runFloorConsume reads and acknowledges a loaded stream, batch by batch, and does nothing else.
func runFloorConsume(ctx context.Context, j job) (result, error) {
	client, err := messaging.Connect(j.RedisURL)
	if err != nil {
		return result{}, err
	}
	defer client.Close()
	key := messaging.StreamKey(j.Stream, 0)
	if err := client.XGroupCreate(ctx, key, j.Group, "0").Err(); err != nil {
		return result{}, err
	}
	m, err := startMeter(j.Profile)
	if err != nil {
		return result{}, err
	}
	handled := 0
	for handled < j.Messages {
		n, err := floorBatch(ctx, client, key, j.Group, -1, func(redis.XMessage) {})
		if err != nil {
			return result{}, err
		}
		handled += n
	}
	rate, allocs := m.stop(handled)
	return result{Value: rate, Allocs: allocs, Exported: unknown, Dropped: unknown},
		finished(ctx, client, j, int64(handled))
}

// floorBatch reads, handles and acknowledges what comes within block; a negative one does not wait.
func floorBatch(
	ctx context.Context, client redis.UniversalClient, key, group string, block time.Duration, handle func(redis.XMessage),
) (int, error) {
	streams, err := client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: group, Consumer: "floor", Streams: []string{key, ">"}, Count: batchSize, Block: block,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	ids := make([]string, len(streams[0].Messages))
	for i, entry := range streams[0].Messages {
		handle(entry)
		ids[i] = entry.ID
	}
	return len(ids), client.XAck(ctx, key, group, ids...).Err()
}

// runConsume is our consumer with a handler that does nothing, from its start to the last acknowledgement, and, where
// spans are exported, to the last span.
func runConsume(ctx context.Context, j job) (result, error) {
	client, err := messaging.Connect(j.RedisURL)
	if err != nil {
		return result{}, err
	}
	defer client.Close()
	with, err := instrument(ctx, j.Telemetry)
	if err != nil {
		return result{}, err
	}
	var handled atomic.Int64
	all := make(chan struct{})
	m, err := startMeter(j.Profile)
	if err != nil {
		return result{}, err
	}
	stop, err := startConsumer(ctx, j, with, func(context.Context, messaging.Message) error {
		if handled.Add(1) == int64(j.Messages) {
			close(all)
		}
		return nil
	})
	if err != nil {
		return result{}, err
	}
	if err := await(ctx, all, client, j); err != nil {
		return result{}, fmt.Errorf("%d of %d messages are handled: %w", handled.Load(), j.Messages, err)
	}
	acknowledged := time.Since(m.started)
	if err := with.flush(ctx); err != nil {
		return result{}, fmt.Errorf("export the last spans: %w", err)
	}
	rate, allocs := m.stop(j.Messages)
	stop()
	r := result{Value: rate, Allocs: allocs, Extras: map[string]float64{}}
	if j.Telemetry == metricsAndSpans {
		r.Extras["messages/s until the last acknowledgement"] = float64(j.Messages) / acknowledged.Seconds()
	}
	err = with.describe(ctx, &r)
	return r, errors.Join(err, finished(ctx, client, j, handled.Load()))
}

// startConsumer starts our consumer, as in production with a client of its own. What it returns stops it.
func startConsumer(
	ctx context.Context, j job, with instrumented, handle func(context.Context, messaging.Message) error,
) (stop func(), err error) {
	client, err := messaging.Connect(j.RedisURL)
	if err != nil {
		return nil, err
	}
	stream := messaging.Named(j.Stream)
	consumer := messaging.NewConsumer(messaging.New(client, with.config), stream, messaging.ConsumerConfig{Group: j.Group},
		messaging.OnType[messaging.Named](eventType, handle))
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = consumer.Run(ctx) // always nil
	}()
	return func() {
		cancel()
		<-ended
		_ = client.Close()
	}, nil
}

// await blocks until all is closed and nothing is pending any more.
func await(ctx context.Context, all <-chan struct{}, client redis.UniversalClient, j job) error {
	select {
	case <-all:
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		pending, err := client.XPending(ctx, messaging.StreamKey(j.Stream, 0), j.Group).Result()
		if err != nil || pending.Count == 0 {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// finished makes sure that each message was handled once and acknowledged, and removes the group.
func finished(ctx context.Context, client redis.UniversalClient, j job, handled int64) error {
	key := messaging.StreamKey(j.Stream, 0)
	pending, err := client.XPending(ctx, key, j.Group).Result()
	if err != nil {
		return err
	}
	if handled != int64(j.Messages) || pending.Count != 0 {
		return fmt.Errorf("%d messages were handled of %d, and %d are pending", handled, j.Messages, pending.Count)
	}
	return client.XGroupDestroy(ctx, key, j.Group).Err()
}
