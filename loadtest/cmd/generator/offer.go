package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"example.com/clew/loadtest/internal/load"
	"example.com/clew/loadtest/internal/metrics"
	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/scenario"
	"example.com/clew/loadtest/internal/schedule"
)

const warmUp = time.Second

// An offering is a generator, a sender and a recorder, put together as in a run of the load test, and no follower.
type offering struct {
	rate        float64
	maxInFlight int
	latency     string // the name that the target's has
	sender      func(answered func(load.Arrival, load.Answer)) sender
}

type sender interface {
	load.Sender
	Wait()
}

// run offers load for a duration after the warm-up. The value is the accepted rate, without the warm-up.
func (o offering) run(ctx context.Context, duration time.Duration) (r result.Result, f figures, err error) {
	var inFlight atomic.Int64
	current := func() int { return int(inFlight.Load()) }
	recorder, shown := load.NewRecorder(warmUp, warmUp+duration), metrics.New(current)
	before, start := use(), time.Now()
	to := o.sender(func(a load.Arrival, answer load.Answer) {
		due := start.Add(a.Due)
		took := answer.Done.Sub(due)
		recorder.Answered(o.latency, a.Due, answer.Sent.Sub(due), took, answer.Problem)
		shown.Answered(took, answer.Problem, answer.TraceID)
		inFlight.Add(-1)
	})
	sent := 0
	generator := load.Generator{
		Plan: steady(o.rate, warmUp+duration), SKU: scenario.Scenario{}.SKUs(scenario.Shard{}), Sender: to,
		Scheduled: func(due time.Duration, offered bool) {
			recorder.Scheduled(due, offered)
			shown.Offered()
			if offered {
				inFlight.Add(1)
				sent++
			}
		},
		InFlight: current, MaxInFlight: o.maxInFlight,
	}
	err = generator.Run(ctx, start)
	to.Wait()
	measured := time.Since(start) - warmUp
	before.each(float64(sent), &f)
	recorder.Into(&r)
	f.Value = float64(r.Totals.Accepted) / measured.Seconds()
	if err == nil && len(r.Totals.Errors) > 0 {
		err = errors.New("the target refused some: " + result.Refusals(r.Totals.Errors))
	}
	return r, f, err
}

func steady(rate float64, duration time.Duration) schedule.Plan {
	return schedule.Plan{Stages: []schedule.Stage{{Duration: duration, From: rate, To: rate}}}
}
