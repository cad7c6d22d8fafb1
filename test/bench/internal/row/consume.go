package row

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
	"example.com/clew/test/bench/internal/work"
)

// runConsume is our consumer with a handler that does nothing, from its start to the last acknowledgement, and, where
// spans are exported, to the last span.
func runConsume(ctx context.Context, j child.Job) (report.Result, error) {
	client, err := messaging.Connect(messaging.Redis{URL: j.RedisURL})
	if err != nil {
		return report.Result{}, err
	}
	defer client.Close()
	with, err := instrument(ctx, j.Telemetry)
	if err != nil {
		return report.Result{}, err
	}
	var handled atomic.Int64
	all := make(chan struct{})
	m, err := child.StartMeter(j.Profile)
	if err != nil {
		return report.Result{}, err
	}
	stop, err := startConsumer(ctx, j, with, func(context.Context, messaging.Message) error {
		if handled.Add(1) == int64(j.Messages) {
			close(all)
		}
		return nil
	})
	if err != nil {
		return report.Result{}, err
	}
	if err := await(ctx, all, client, j); err != nil {
		return report.Result{}, fmt.Errorf("%d of %d messages are handled: %w", handled.Load(), j.Messages, err)
	}
	acknowledged := time.Since(m.Started)
	if err := with.flush(ctx); err != nil {
		return report.Result{}, fmt.Errorf("export the last spans: %w", err)
	}
	rate, allocs := m.Stop(j.Messages)
	stop()
	r := report.Result{Value: rate, Allocs: allocs, Extras: map[string]float64{}}
	if j.Telemetry == child.MetricsAndSpans {
		r.Extras["messages/s until the last acknowledgement"] = float64(j.Messages) / acknowledged.Seconds()
	}
	err = with.describe(ctx, &r)
	return r, errors.Join(err, work.Finished(ctx, client, j, handled.Load()))
}

// startConsumer starts our consumer, as in production with a client of its own. What it returns stops it.
func startConsumer(
	ctx context.Context, j child.Job, with instrumented, handle func(context.Context, messaging.Message) error,
) (stop func(), err error) {
	client, err := messaging.Connect(messaging.Redis{URL: j.RedisURL})
	if err != nil {
		return nil, err
	}
	stream := messaging.Named(j.Stream)
	config := with.config
	config.Partitions = j.Partitions
	consumer := messaging.NewConsumer(messaging.New(client, config), stream, messaging.ConsumerConfig{Group: j.Group},
		messaging.OnType[messaging.Named](work.EventType, handle))
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
func await(ctx context.Context, all <-chan struct{}, client redis.UniversalClient, j child.Job) error {
	select {
	case <-all:
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		pending, err := work.Pending(ctx, client, j)
		if err != nil || pending == 0 {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}
