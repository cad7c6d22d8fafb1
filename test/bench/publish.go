package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
)

// streamPublished is what publishers fill. Only its messages' places in it differ from round to round.
const streamPublished = "bench-published"

// distinct is how many messages publishers repeat; making them is no part of what is measured.
const distinct = 10 * batchSize

func runFloorPublish(ctx context.Context, j job) (result, error) {
	client, err := messaging.Connect(j.RedisURL)
	if err != nil {
		return result{}, err
	}
	defer client.Close()
	messages, err := newMessages(j.Stream, distinct, 1)
	if err != nil {
		return result{}, err
	}
	fields := make([][]string, len(messages))
	for i, m := range messages {
		fields[i] = fieldsOf(m)
	}
	key := messaging.StreamKey(j.Stream, 0)
	m, err := startMeter(j.Profile)
	if err != nil {
		return result{}, err
	}
	for i := 0; i < j.Messages; i += batchSize {
		pipeline := client.Pipeline()
		for k := range batchSize {
			pipeline.XAdd(ctx, &redis.XAddArgs{Stream: key, Values: fields[(i+k)%distinct]})
		}
		if _, err := pipeline.Exec(ctx); err != nil {
			return result{}, err
		}
	}
	rate, allocs := m.stop(j.Messages)
	return result{Value: rate, Allocs: allocs, Exported: unknown, Dropped: unknown}, published(ctx, client, j)
}

// runPublish is our publisher with batches like the floor's, to the last span.
func runPublish(ctx context.Context, j job) (result, error) {
	client, err := messaging.Connect(j.RedisURL)
	if err != nil {
		return result{}, err
	}
	defer client.Close()
	messages, err := newMessages(j.Stream, distinct, 1)
	if err != nil {
		return result{}, err
	}
	with, err := instrument(ctx, j.Telemetry)
	if err != nil {
		return result{}, err
	}
	publisher := messaging.New(client, with.config).Publisher()
	m, err := startMeter(j.Profile)
	if err != nil {
		return result{}, err
	}
	if err := publish(ctx, publisher, messages, j.Messages); err != nil {
		return result{}, err
	}
	added := time.Since(m.started)
	if err := with.flush(ctx); err != nil {
		return result{}, fmt.Errorf("export the last spans: %w", err)
	}
	rate, allocs := m.stop(j.Messages)
	r := result{Value: rate, Allocs: allocs, Extras: map[string]float64{
		"messages/s until the last XADD": float64(j.Messages) / added.Seconds(),
	}}
	err = with.describe(ctx, &r)
	return r, errors.Join(err, published(ctx, client, j))
}

// published makes sure that every message was added, and removes the stream.
func published(ctx context.Context, client redis.UniversalClient, j job) error {
	key := messaging.StreamKey(j.Stream, 0)
	added, err := client.XLen(ctx, key).Result()
	if err != nil {
		return err
	}
	if added != int64(j.Messages) {
		return fmt.Errorf("%d messages were added of %d", added, j.Messages)
	}
	return client.Del(ctx, key).Err()
}
