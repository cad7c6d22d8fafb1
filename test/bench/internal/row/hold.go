package row

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/clew/services/messaging"
	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
	"example.com/clew/test/bench/internal/work"
)

// streamHeld is of one measurement only.
const streamHeld = "bench-held"

// runHold measures by how much the heap grows with each message that a consumer holds. All are of one subject, so that the
// consumer begins only the first. It has a worker for each, though they do nothing, because it fetches no more than its workers
// can soon begin.
func runHold(ctx context.Context, j child.Job) (report.Result, error) {
	client, err := messaging.Connect(messaging.Redis{URL: j.RedisURL})
	if err != nil {
		return report.Result{}, err
	}
	defer client.Close()
	with, err := instrument(ctx, j.Telemetry)
	if err != nil {
		return report.Result{}, err
	}
	held := j.Messages / 40
	j.Workers, j.InFlight, j.Messages = held, 2*held, 1+held

	var handled atomic.Int64
	finish, all := make(chan struct{}), make(chan struct{})
	stop, err := startConsumer(ctx, j, with, func(context.Context, messaging.Message) error {
		<-finish
		if handled.Add(1) == int64(j.Messages) {
			close(all)
		}
		return nil
	})
	if err != nil {
		return report.Result{}, err
	}
	publisher := messaging.New(client, messaging.Config{}).Publisher()
	hold := func(more, sum int) error {
		return errors.Join(publishOneSubject(ctx, publisher, j.Stream, more), awaitConsumed(ctx, with, sum))
	}
	if err := hold(1, 1); err != nil {
		return report.Result{}, err
	}
	before := liveHeap()
	if err := hold(held, j.Messages); err != nil {
		return report.Result{}, err
	}
	r := report.Result{
		Value: (liveHeap() - before) / float64(held), Allocs: report.Unknown,
		Extras: map[string]float64{"messages held": float64(held)},
	}
	close(finish)
	if err := await(ctx, all, client, j); err != nil {
		return report.Result{}, fmt.Errorf("%d of %d messages are handled: %w", handled.Load(), j.Messages, err)
	}
	stop()
	err = with.describe(ctx, &r)
	return r, errors.Join(err, work.Finished(ctx, client, j, handled.Load()), client.Del(ctx, messaging.StreamKey(j.Stream, 0)).Err())
}

func publishOneSubject(ctx context.Context, publisher *messaging.Publisher, stream string, n int) error {
	messages, err := work.NewMessages(stream, n, 1)
	if err != nil {
		return err
	}
	for i := range messages {
		messages[i].Subject = "order-of-all"
	}
	return errors.Join(publisher.Publish(ctx, messages...)...)
}

// awaitConsumed blocks until the consumer has fetched so many messages.
func awaitConsumed(ctx context.Context, with instrumented, n int) error {
	for {
		fetched, err := consumed(with.config.Registerer.(*prometheus.Registry))
		if err != nil || fetched >= n {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%d of %d messages are fetched: %w", fetched, n, ctx.Err())
		}
		time.Sleep(time.Millisecond)
	}
}

// consumed is how many messages the consumer has counted.
func consumed(from prometheus.Gatherer) (n int, err error) {
	families, err := from.Gather()
	for _, family := range families {
		if family.GetName() == "messaging_client_consumed_messages_total" {
			for _, metric := range family.GetMetric() {
				n += int(metric.GetCounter().GetValue())
			}
		}
	}
	return n, err
}

// liveHeap is how many bytes of the heap are in use.
func liveHeap() float64 {
	runtime.GC()
	runtime.GC() // pools are empty after two collections
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}
