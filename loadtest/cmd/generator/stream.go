package main

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/loadtest/internal/load"
	"example.com/clew/loadtest/internal/result"
)

const (
	orders     = "orders:{0}"
	highEvents = 200_000 // a second: more than can be added
	events     = 10_000  // that wait or are under way at a time, at most
	pipelined  = 500     // of the bare loop, what the sender adds at once at most
)

func offerStream(ctx context.Context, in input) (figures, error) {
	defer in.redis.Del(context.WithoutCancel(ctx), orders)
	o := offering{
		rate: highEvents, maxInFlight: events, latency: result.StreamAdd,
		sender: func(answered func(load.Arrival, load.Answer)) sender {
			return load.NewStream(in.redis, 1, events, answered)
		},
	}
	_, f, err := o.run(ctx, in.duration)
	return f, err
}

// bareStream adds what the sender has added, again and again, in one pipeline after the other.
func bareStream(ctx context.Context, in input) (figures, error) {
	defer in.redis.Del(context.WithoutCancel(ctx), orders)
	sent := load.NewStream(in.redis, 1, pipelined, func(load.Arrival, load.Answer) {})
	for i := range pipelined {
		sent.Send(ctx, load.Arrival{Number: i})
	}
	sent.Wait()
	entries, err := in.redis.Do(ctx, "XRANGE", orders, "-", "+").Slice() // XRange would lose the fields' order
	if err != nil || len(entries) != pipelined {
		return figures{}, fmt.Errorf("%d events were added of %d: %w", len(entries), pipelined, err)
	}
	n, before, start := 0, use(), time.Now()
	for ; time.Since(start) < in.duration; n += pipelined {
		pipeline := in.redis.Pipeline()
		for _, entry := range entries {
			pipeline.XAdd(ctx, &redis.XAddArgs{Stream: orders, Values: entry.([]any)[1]})
		}
		if _, err := pipeline.Exec(ctx); err != nil {
			return figures{}, err
		}
	}
	f := figures{Value: float64(n) / time.Since(start).Seconds()}
	before.each(float64(n), &f)
	return f, nil
}
