package row

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/clew/services/messaging"
	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
	"example.com/clew/test/bench/internal/work"
)

// streamOpenLoop is of one measurement only.
const streamOpenLoop = "bench-open-loop"

// openLoop measures a role that consumes at a fixed rate, in a child, while another child generates.
func openLoop(role string, mode child.Telemetry) measureFunc {
	return func(ctx context.Context, b *Bench) (report.Result, error) {
		url, err := b.redis(ctx, streamOpenLoop)
		if err != nil {
			return report.Result{}, err
		}
		sink, err := b.startSink(ctx)
		if err != nil {
			return report.Result{}, err
		}
		defer sink.Stop()
		j := child.Job{
			Role: role, RedisURL: url, Stream: streamOpenLoop, Group: "open-loop", Telemetry: mode,
			Messages: work.OpenLoopWarmUp + int(b.sizes.OpenLoop.Seconds()*work.OpenLoopRate),
		}
		consumer, err := child.Start(ctx, j, exportTo(sink, productionQueue)...)
		if err != nil {
			return report.Result{}, err
		}
		if err := awaitConsumer(ctx, j); err != nil {
			return report.Result{}, consumer.End(err)
		}
		generated, err := child.Run(ctx, child.Job{Role: "generate", RedisURL: url, Stream: streamOpenLoop, Messages: j.Messages})
		if err != nil {
			return report.Result{}, consumer.End(err)
		}
		r, err := consumer.Result()
		if err != nil {
			return r, err
		}
		r.Extras["ms p99 by which the generator was late (above 1 it fell behind)"] = generated.Value
		if mode == child.MetricsAndSpans {
			err = complete(ctx, r, sink, j.Messages/10)
		}
		return r, err
	}
}

// awaitConsumer blocks until a child has joined its group.
func awaitConsumer(ctx context.Context, j child.Job) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client, err := messaging.Connect(messaging.Redis{URL: j.RedisURL})
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

func runOpenLoop(ctx context.Context, j child.Job) (report.Result, error) {
	client, err := messaging.Connect(messaging.Redis{URL: j.RedisURL})
	if err != nil {
		return report.Result{}, err
	}
	defer client.Close()
	with, err := instrument(ctx, j.Telemetry)
	if err != nil {
		return report.Result{}, err
	}
	measured := work.NewLatencies(j.Messages)
	stop, err := startConsumer(ctx, j, with, func(_ context.Context, m messaging.Message) error {
		measured.Add(time.Since(m.Time))
		return nil
	})
	if err != nil {
		return report.Result{}, err
	}
	if err := await(ctx, measured.All, client, j); err != nil {
		return report.Result{}, fmt.Errorf("%d of %d messages are handled: %w", measured.Count(), j.Messages, err)
	}
	stop()
	if err := with.flush(ctx); err != nil {
		return report.Result{}, fmt.Errorf("export the last spans: %w", err)
	}
	r := measured.Result()
	err = with.describe(ctx, &r)
	return r, errors.Join(err, work.Finished(ctx, client, j, measured.Count()),
		client.Del(ctx, messaging.StreamKey(j.Stream, 0)).Err())
}
