package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
)

// An open loop adds events when they are due, whether or not those before are handled. The time of a message is when it
// was due, so whatever delays the generator or the consumer is latency.
const (
	openLoopRate   = 2000 // events a second
	openLoopWarmUp = openLoopRate
	streamOpenLoop = "bench-open-loop"
)

// openLoop measures a role that consumes at a fixed rate, in a child, while another child generates.
func openLoop(role string, mode telemetryMode) measureFunc {
	return func(ctx context.Context, b *bench) (result, error) {
		url, err := b.redis(ctx, streamOpenLoop)
		if err != nil {
			return result{}, err
		}
		sink, err := b.startSink(ctx)
		if err != nil {
			return result{}, err
		}
		defer sink.stop()
		j := job{
			Role: role, RedisURL: url, Stream: streamOpenLoop, Group: "open-loop", Telemetry: mode,
			Messages: openLoopWarmUp + int(b.sizes.openLoop.Seconds()*openLoopRate),
		}
		consumer, err := b.start(ctx, j, exportTo(sink, productionQueue)...)
		if err != nil {
			return result{}, err
		}
		if err := awaitConsumer(ctx, j); err != nil {
			return result{}, consumer.end(err)
		}
		generated, err := b.run(ctx, job{Role: "generate", RedisURL: url, Stream: streamOpenLoop, Messages: j.Messages})
		if err != nil {
			return result{}, consumer.end(err)
		}
		r, err := consumer.result()
		if err != nil {
			return r, err
		}
		r.Extras["ms p99 by which the generator was late (above 1 it fell behind)"] = generated.Value
		if mode == metricsAndSpans {
			err = complete(ctx, r, sink, j.Messages/10)
		}
		return r, err
	}
}

// awaitConsumer blocks until a child has joined its group.
func awaitConsumer(ctx context.Context, j job) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client, err := messaging.Connect(j.RedisURL)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		consumers, err := client.XInfoConsumers(ctx, messaging.StreamKey(j.Stream, 0), j.Group).Result()
		if len(consumers) > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("the consumer does not join its group: %w", ctx.Err()), err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// runGenerator adds each event when it is due. Its value is by how much it was late, the 99th percentile.
func runGenerator(ctx context.Context, j job) (result, error) {
	client, err := messaging.Connect(j.RedisURL)
	if err != nil {
		return result{}, err
	}
	defer client.Close()
	messages, err := newMessages(j.Stream, j.Messages, 10)
	if err != nil {
		return result{}, err
	}
	runtime.LockOSThread() // it sleeps in the kernel
	debug.SetGCPercent(-1) // it lives for seconds, and a collection would make it late
	key := messaging.StreamKey(j.Stream, 0)
	late := make([]time.Duration, len(messages))
	start := time.Now().Add(100 * time.Millisecond)
	for i, m := range messages {
		due := start.Add(time.Duration(i) * time.Second / openLoopRate)
		m.Time = due
		fields := fieldsOf(m)
		sleepUntil(due)
		late[i] = time.Since(due)
		if err := client.XAdd(ctx, &redis.XAddArgs{Stream: key, Values: fields}).Err(); err != nil {
			return result{}, err
		}
	}
	return result{Value: percentile(late, 99)}, nil
}

// spin is how long a sleeper stays awake before it is due, because the kernel wakes it late.
const spin = 60 * time.Microsecond

func sleepUntil(due time.Time) {
	if d := time.Until(due) - spin; d > 0 {
		sleep(d)
	}
	for time.Now().Before(due) {
	}
}

// latencies are from due to handled, but for those of the warm-up.
type latencies struct {
	n       atomic.Int64
	elapsed []time.Duration
	all     chan struct{}
}

func newLatencies(messages int) *latencies {
	return &latencies{elapsed: make([]time.Duration, messages), all: make(chan struct{})}
}

func (l *latencies) add(d time.Duration) {
	n := int(l.n.Add(1))
	if n <= len(l.elapsed) {
		l.elapsed[n-1] = d
	}
	if n == len(l.elapsed) {
		close(l.all)
	}
}

func (l *latencies) result() result {
	counted := l.elapsed[openLoopWarmUp:]
	return result{
		Value: percentile(counted, 99), Allocs: unknown, Exported: unknown, Dropped: unknown,
		Extras: map[string]float64{"ms p50": percentile(counted, 50)},
	}
}

// percentile returns milliseconds, and sorts.
func percentile(durations []time.Duration, p int) float64 {
	slices.Sort(durations)
	return float64(durations[(len(durations)-1)*p/100].Nanoseconds()) / 1e6
}

func runFloorOpenLoop(ctx context.Context, j job) (result, error) {
	client, err := messaging.Connect(j.RedisURL)
	if err != nil {
		return result{}, err
	}
	defer client.Close()
	key := messaging.StreamKey(j.Stream, 0)
	if err := client.XGroupCreateMkStream(ctx, key, j.Group, "0").Err(); err != nil {
		return result{}, err
	}
	if err := client.XGroupCreateConsumer(ctx, key, j.Group, "floor").Err(); err != nil {
		return result{}, err
	}
	measured := newLatencies(j.Messages)
	for handled := 0; handled < j.Messages; {
		n, err := floorBatch(ctx, client, key, j.Group, time.Second, func(entry redis.XMessage) {
			now := time.Now()
			due, _ := time.Parse(time.RFC3339Nano, entry.Values["time"].(string)) // the zero time would stand out
			measured.add(now.Sub(due))
		})
		if err != nil {
			return result{}, err
		}
		handled += n
	}
	return measured.result(), errors.Join(finished(ctx, client, j, measured.n.Load()), client.Del(ctx, key).Err())
}

func runOpenLoop(ctx context.Context, j job) (result, error) {
	client, err := messaging.Connect(j.RedisURL)
	if err != nil {
		return result{}, err
	}
	defer client.Close()
	with, err := instrument(ctx, j.Telemetry)
	if err != nil {
		return result{}, err
	}
	measured := newLatencies(j.Messages)
	stop, err := startConsumer(ctx, j, with, func(_ context.Context, m messaging.Message) error {
		measured.add(time.Since(m.Time))
		return nil
	})
	if err != nil {
		return result{}, err
	}
	if err := await(ctx, measured.all, client, j); err != nil {
		return result{}, fmt.Errorf("%d of %d messages are handled: %w", measured.n.Load(), j.Messages, err)
	}
	stop()
	if err := with.flush(ctx); err != nil {
		return result{}, fmt.Errorf("export the last spans: %w", err)
	}
	r := measured.result()
	err = with.describe(ctx, &r)
	return r, errors.Join(err, finished(ctx, client, j, measured.n.Load()),
		client.Del(ctx, messaging.StreamKey(j.Stream, 0)).Err())
}
