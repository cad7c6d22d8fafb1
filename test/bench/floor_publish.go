package main

import (
	"context"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
)

// FloorPublish adds messages in batches, and does nothing else.
func FloorPublish(ctx context.Context, j Job) (Result, error) {
	client, err := messaging.Connect(j.RedisURL)
	if err != nil {
		return Result{}, err
	}
	defer client.Close()
	messages, err := NewMessages(j.Stream, Distinct, 1)
	if err != nil {
		return Result{}, err
	}
	fields := make([][]string, len(messages))
	for i, m := range messages {
		fields[i] = FieldsOf(m)
	}
	key := messaging.StreamKey(j.Stream, 0)
	m, err := StartMeter(j.Profile)
	if err != nil {
		return Result{}, err
	}
	for i := 0; i < j.Messages; i += BatchSize {
		pipeline := client.Pipeline()
		for k := range BatchSize {
			pipeline.XAdd(ctx, &redis.XAddArgs{Stream: key, Values: fields[(i+k)%Distinct]})
		}
		if _, err := pipeline.Exec(ctx); err != nil {
			return Result{}, err
		}
	}
	rate, allocs := m.Stop(j.Messages)
	return Result{Value: rate, Allocs: allocs, Exported: Unknown, Dropped: Unknown}, Published(ctx, client, j)
}
