package row

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
	"example.com/clew/test/bench/internal/work"
)

// runHold measures how much of the heap a message takes while a consumer holds it: by how much the heap grows from when the
// workers wait in their first messages to when they wait with the stream's last fortieth fetched. In between they handle
// messages, because a consumer holds no more than its workers began in a second.
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
	held := int64(j.Messages / 40)
	j.InFlight = 4 * int(held) // a quarter is for claimed messages, and a fetch waits until a quarter of the others' is free
	var begun, handled atomic.Int64
	busy, goOn, finish, all := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
	stop, err := startConsumer(ctx, j, with, func(context.Context, messaging.Message) error {
		switch n := begun.Add(1); {
		case n < messaging.DefaultWorkers:
			<-goOn
		case n == messaging.DefaultWorkers:
			close(busy)
			<-goOn
		case n > int64(j.Messages)-held:
			<-finish
		}
		if handled.Add(1) == int64(j.Messages) {
			close(all)
		}
		return nil
	})
	if err != nil {
		return report.Result{}, err
	}
	select {
	case <-busy:
	case <-ctx.Done():
		return report.Result{}, fmt.Errorf("%d messages are begun: %w", begun.Load(), ctx.Err())
	}
	few, err := consumed(with.config.Registerer.(*prometheus.Registry))
	if err != nil {
		return report.Result{}, err
	}
	before := liveHeap()
	close(goOn)
	if err := awaitHeld(ctx, client, j, with, held); err != nil {
		return report.Result{}, err
	}
	r := report.Result{
		Value: (liveHeap() - before) / float64(held-few), Allocs: report.Unknown,
		Extras: map[string]float64{"messages held": float64(held)},
	}
	close(finish)
	if err := await(ctx, all, client, j); err != nil {
		return report.Result{}, fmt.Errorf("%d of %d messages are handled: %w", handled.Load(), j.Messages, err)
	}
	stop()
	err = with.describe(ctx, &r)
	return r, errors.Join(err, work.Finished(ctx, client, j, handled.Load()))
}

// awaitHeld blocks until the consumer has fetched everything, and acknowledged all but the messages that it is to hold.
func awaitHeld(ctx context.Context, client redis.UniversalClient, j child.Job, with instrumented, held int64) error {
	for {
		fetched, err := consumed(with.config.Registerer.(*prometheus.Registry))
		if err != nil {
			return err
		}
		if fetched == int64(j.Messages) {
			pending, err := work.Pending(ctx, client, j)
			if err != nil || pending == held {
				return err
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%d of %d messages are fetched: %w", fetched, j.Messages, ctx.Err())
		}
		time.Sleep(time.Millisecond)
	}
}

// consumed is how many messages the consumer has counted.
func consumed(from prometheus.Gatherer) (n int64, err error) {
	families, err := from.Gather()
	for _, family := range families {
		if family.GetName() == "messaging_client_consumed_messages_total" {
			for _, metric := range family.GetMetric() {
				n += int64(metric.GetCounter().GetValue())
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
