package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace/noop"

	"example.com/clew/loadtest/internal/follow"
	"example.com/clew/loadtest/internal/load"
	"example.com/clew/loadtest/internal/metrics"
	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/scenario"
)

const (
	stock = "stock:{0}"

	soakRate   = 8000 // orders a second, so that a half of 20 s has more than the follower remembers
	unfinished = 5000 // at most

	// pace is how much faster the recorder's clock runs: in 20 s it has settled the latencies that it keeps for two minutes.
	pace = 12
)

// A soaked load test is a whole one: a server accepts orders, and a follower sees their ends. The method confirm plays the role
// of Clew's services.
type soaked struct {
	input
	recorder *load.Recorder
	follower *follow.Follower
	metrics  *metrics.Metrics
	begin    time.Time // of the first order
	inFlight atomic.Int64
	accepted chan string // ids of orders
	sent     int
}

// soak offers orders for the duration, twice, and compares the live heap after both, with nothing under way. After the first half
// of a full soak, 20 s, the data that is kept of an order for a while has reached its bound.
func soak(ctx context.Context, in input) (f figures, err error) {
	defer in.redis.Del(context.WithoutCancel(ctx), orders, stock)
	for stream, group := range map[string]string{orders: "inventory", stock: "order"} {
		if err := in.redis.XGroupCreateMkStream(ctx, stream, group, "$").Err(); err != nil {
			return f, fmt.Errorf("make %s: %w", stream, err)
		}
	}
	s := &soaked{
		input: in, recorder: load.NewRecorder(0, pace*2*in.duration), begin: time.Now(), accepted: make(chan string, unfinished),
	}
	s.metrics = metrics.New(s.current)
	if s.follower, err = follow.New(ctx, follow.Config{Redis: in.redis, Partitions: 1, OnEnd: s.ended}); err != nil {
		return f, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { _ = s.follower.Run(ctx) })
	beside.Go(func() { cancel(s.confirm(ctx)) })
	defer beside.Wait()
	defer cancel(nil)

	var orders [2]int
	var heap [2]float64
	for half := range orders {
		if err := s.offer(ctx); err != nil {
			return f, errors.Join(err, context.Cause(ctx))
		}
		orders[half], heap[half] = s.sent, live()
	}
	return figures{
		Value: (heap[1] - heap[0]) / float64(orders[1]-orders[0]), Allocs: -1,
		Extras: map[string]float64{
			"MiB live": heap[1] / (1 << 20), "orders in the first half": float64(orders[0]),
			"orders in the second": float64(orders[1] - orders[0]),
		},
	}, nil
}

func (s *soaked) current() int { return int(s.inFlight.Load()) }

// offer returns when all that it has offered has ended.
func (s *soaked) offer(ctx context.Context) error {
	start := time.Now()
	sender := load.NewHTTP(s.url, nil, noop.NewTracerProvider().Tracer(""), func(a load.Arrival, answer load.Answer) {
		due := start.Add(a.Due)
		late, took := answer.Sent.Sub(due), answer.Done.Sub(due)
		s.recorder.Answered(result.HTTP, pace*due.Sub(s.begin), late, took, answer.Problem)
		s.metrics.Answered(took, answer.Problem, answer.TraceID)
		if answer.Problem != "" {
			s.inFlight.Add(-1)
			return
		}
		id := fmt.Sprintf("%s-%d", start.Format("150405"), a.Number) // the server gives the same to all
		s.follower.Accepted(follow.Order{ID: id, SKU: a.SKU, Units: 1, Due: due, DueToSent: late, HTTP: took})
		s.accepted <- id
	})
	generator := load.Generator{
		Plan: steady(soakRate, s.duration), SKU: scenario.Scenario{}.SKUs(scenario.Shard{}), Sender: sender,
		Scheduled: func(due time.Duration, offered bool) {
			s.recorder.Scheduled(pace*start.Add(due).Sub(s.begin), offered)
			s.metrics.Offered()
			if offered {
				s.inFlight.Add(1)
				s.sent++
			}
		},
		InFlight: s.current, MaxInFlight: unfinished,
	}
	err := generator.Run(ctx, start)
	sender.Wait()
	for err == nil && s.current() > 0 {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return err
}

// confirm says of each accepted order that it is confirmed, until ctx ends.
func (s *soaked) confirm(ctx context.Context) error {
	for {
		var ids []string
		select {
		case <-ctx.Done():
			return nil
		case first := <-s.accepted:
			ids = append(ids, first)
		}
		for range len(s.accepted) {
			ids = append(ids, <-s.accepted)
		}
		_, err := s.redis.Pipelined(ctx, func(pipeline redis.Pipeliner) error {
			for _, id := range ids {
				pipeline.XAdd(ctx, &redis.XAddArgs{
					Stream: orders, Values: []string{"id", id, "type", "order.confirmed.v1", "subject", id},
				})
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("confirm orders: %w", err)
		}
		s.recorder.Level(pace*time.Since(s.begin), load.Levels{InFlight: s.current()})
	}
}

func (s *soaked) ended(end follow.End) {
	took := end.At.Sub(end.Due)
	s.metrics.Ended(took, end.TraceID)
	s.recorder.Ended(result.Order{
		ID: end.ID, SKU: end.SKU, DueAt: (pace * end.Due.Sub(s.begin)).Seconds(), EndToEnd: took.Seconds(),
	}, true)
	s.inFlight.Add(-1)
}

// live is how many bytes are in use.
func live() float64 {
	runtime.GC()
	runtime.GC() // pools are empty after two collections
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}
