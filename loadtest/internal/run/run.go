// Package run does one run of a load test: it offers the load, follows the orders, waits for the last and judges.
package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"

	"example.com/clew/loadtest/internal/follow"
	"example.com/clew/loadtest/internal/live"
	"example.com/clew/loadtest/internal/load"
	"example.com/clew/loadtest/internal/metrics"
	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/scenario"
	"example.com/clew/loadtest/internal/schedule"
	"example.com/clew/loadtest/internal/target"
	"example.com/clew/loadtest/internal/threshold"
)

const (
	early      = time.Second // before Start, so that all is ready then
	levelEvery = 250 * time.Millisecond
	lookEvery  = 20 * time.Millisecond // for the end of the drain
)

// Config configures a run.
type Config struct {
	Scenario scenario.Scenario
	Target   target.Target
	Redis    redis.UniversalClient // it must not retry
	Metrics  *metrics.Metrics
	InFlight *atomic.Int64 // what Metrics shows
	Tracer   trace.Tracer  // of requests to target http

	// Shard is the part of the scenario's arrivals that is offered; their offsets count from Start. Without a Start, the run
	// begins at once.
	Shard scenario.Shard
	Start time.Time

	// Show shows the run until its context ends.
	Show func(ctx context.Context, snapshot func() live.Snapshot)
}

type run struct {
	Config
	start    time.Time
	late     time.Duration // since the start, when the first arrival could be offered
	recorder *load.Recorder
	follower *follow.Follower
}

// Do waits for Start and runs the scenario. It stops offering when offering ends, and stops waiting for accepted orders when
// waiting ends; the result has the measurements until then. After an error there is no result, or, if the target went away in the
// middle, one with the measurements before that.
func Do(offering, waiting context.Context, c Config) (result.Result, error) {
	plan := c.Scenario.Plan()
	r := &run{Config: c, recorder: load.NewRecorder(c.Scenario.WarmUp(), plan.Duration())}
	if c.Shard.Of > 0 {
		r.recorder = load.NewShardRecorder(c.Scenario.WarmUp(), plan.Duration())
	}
	c.InFlight.Store(0)
	err := schedule.SleepUntil(offering, c.Start.Add(-early))
	if err != nil {
		return result.Result{}, errors.New("interrupted before the run began")
	}
	r.follower, err = follow.New(offering, follow.Config{
		Redis: c.Redis, Partitions: c.Target.Partitions, Pings: c.Scenario.Target == scenario.Stream, OnEnd: r.ended,
	})
	if err != nil {
		return result.Result{}, err
	}
	now := time.Now()
	r.start = now.Add(100 * time.Millisecond)
	if !c.Start.IsZero() {
		r.start = now.Add(c.Start.Sub(now))
		r.late = max(0, now.Sub(c.Start))
	}

	var beside sync.WaitGroup
	following, stopFollowing := context.WithCancel(context.WithoutCancel(offering))
	showing, stopShowing := context.WithCancel(following)
	beside.Go(func() { _ = r.follower.Run(following) })
	beside.Go(func() { r.level(following) })
	offering, stopOffering := context.WithCancel(offering)
	waiting, stopWaiting := context.WithCancel(waiting)
	defer stopOffering()
	defer stopWaiting()
	var gone error
	beside.Go(func() {
		if gone = r.watch(following); gone != nil {
			stopOffering()
			stopWaiting()
		}
	})
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		c.Show(showing, r.snapshot)
	}()

	before := cpu()
	sender := r.sender()
	generator := load.Generator{
		Plan: plan, SKU: c.Scenario.SKUs(c.Shard), Late: r.late, Sender: patient{sender, waiting}, Scheduled: r.scheduled,
		InFlight: r.inFlight, MaxInFlight: c.Shard.Part(c.Scenario.MaxInFlight),
	}
	interrupted := generator.Run(offering, r.start)
	offered := max(time.Since(r.start), time.Millisecond) // an interrupt may come before the start
	sender.Wait()
	used := (cpu() - before).Seconds() / offered.Seconds()
	drained := r.drain(waiting)
	stopShowing()
	<-shown
	stopFollowing()
	beside.Wait()
	return r.result(interrupted, gone, offered, drained, used), gone
}

// patient is a sender that an interrupt does not cancel: requests that were sent before still get their answers.
type patient struct {
	load.Sender
	waiting context.Context
}

func (p patient) Send(_ context.Context, a load.Arrival) { p.Sender.Send(p.waiting, a) }

func (r *run) scheduled(due time.Duration, offered bool) {
	r.recorder.Scheduled(due, offered)
	r.Metrics.Offered()
	if offered {
		r.InFlight.Add(1)
	}
}

// sender returns the sender for the scenario's target.
func (r *run) sender() interface {
	load.Sender
	Wait()
} {
	if r.Scenario.Target == scenario.Stream {
		return load.NewStream(r.Redis, r.Target.Partitions, r.Scenario.MaxInFlight, r.answered(result.StreamAdd))
	}
	return load.NewHTTP(r.Target.Order, r.Target.User, r.Tracer, r.answered(result.HTTP))
}

// answered returns the function that records answers, under the name of a latency.
func (r *run) answered(name string) func(load.Arrival, load.Answer) {
	return func(a load.Arrival, answer load.Answer) {
		due := r.start.Add(a.Due)
		late, took := answer.Sent.Sub(due), answer.Done.Sub(due)
		r.recorder.Answered(name, a.Due, late, took, answer.Problem)
		r.Metrics.Answered(took, answer.Problem, answer.TraceID)
		if name == result.StreamAdd || answer.Problem != "" {
			r.InFlight.Add(-1)
			return
		}
		r.follower.Accepted(follow.Order{
			ID: answer.ID, SKU: a.SKU, TraceID: answer.TraceID, Units: 1,
			Due: due, DueToSent: late, HTTP: took,
		})
	}
}

func (r *run) ended(end follow.End) {
	r.InFlight.Add(-1)
	took := end.At.Sub(end.Due)
	finished := end.Status == follow.Confirmed || end.Status == follow.Rejected || end.Status == follow.Cancelled
	if finished {
		r.Metrics.Ended(took, end.TraceID)
	}
	r.recorder.Ended(result.Order{
		ID: end.ID, SKU: end.SKU, TraceID: end.TraceID, TraceURL: r.Target.TraceURL(end.TraceID), End: end.Status,
		DueAt: end.Due.Sub(r.start).Seconds(), DueToSent: end.DueToSent.Seconds(), HTTP: end.HTTP.Seconds(), EndToEnd: took.Seconds(),
	}, finished)
}

// inFlight returns the number of arrivals that were sent and have not ended. The end of an event is not known: those that wait
// count, for a shard its part of them.
func (r *run) inFlight() int {
	n := int(r.InFlight.Load())
	if r.Scenario.Target == scenario.Stream {
		levels := r.follower.Levels()
		n += r.Shard.Part(levels.LagMessages + levels.Pending)
	}
	return n
}

// level keeps the levels of each moment until ctx ends.
func (r *run) level(ctx context.Context) {
	tick := time.NewTicker(levelEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		levels, dead := r.follower.Levels(), 0
		for _, n := range levels.DeadLetters {
			dead += n
		}
		r.recorder.Level(time.Since(r.start), load.Levels{
			InFlight: r.inFlight(), LagMessages: levels.LagMessages, LagSeconds: levels.LagSeconds, Pending: levels.Pending,
			DeadLetters: dead,
		})
	}
}

// drain waits until nothing is on its way, and returns how long that took; negative if it was not in time.
func (r *run) drain(ctx context.Context) time.Duration {
	since := time.Now()
	ctx, cancel := context.WithTimeout(ctx, r.Scenario.Drain)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for !r.follower.Idle(since) {
		select {
		case <-ctx.Done():
			return -1
		case <-tick.C:
		}
	}
	return time.Since(since)
}

// result puts together what was measured, and judges it.
func (r *run) result(interrupted, gone error, offered, drained time.Duration, used float64) result.Result {
	all := result.Result{
		Version: result.Version, Scenario: r.Scenario.Name, Started: r.start, Settings: r.Scenario.Settings(),
	}
	r.recorder.Settle()
	r.recorder.Into(&all)
	afterWarmUp := all.Totals.Accepted // the accounts are of all
	all.Totals.Accepted = 0
	for _, second := range all.Seconds {
		all.Totals.Accepted += second.OK
	}
	all.Totals.WarmUp = all.Totals.Accepted - afterWarmUp
	all.Totals.Drain, all.Totals.GeneratorCPU = drained.Seconds(), used
	asking, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	accounts := r.follower.Account(asking, &all.Totals)
	all.Environment = environment(asking, r.Target.Mode, r.Redis)
	all.Shards = r.shards(all)
	threshold.Judge(&all, r.Scenario.Thresholds, cmp.Or(gone, accounts, r.tardy()))
	if interrupted != nil && gone == nil {
		all.Reason = join(fmt.Sprintf("interrupted after %s", offered.Round(time.Second)), all.Reason)
	}
	return all
}

// shards returns the shard of this run, if it is one.
func (r *run) shards(all result.Result) []result.Shard {
	if r.Shard.Of == 0 {
		return nil
	}
	shard := result.Shard{
		Number: r.Shard.Number, Of: r.Shard.Of, Machine: all.Environment.Machine(), Late: r.late.Seconds(),
		DueToSent: all.Latencies[result.DueToSent].P99,
	}
	for _, s := range all.Seconds {
		shard.Sent += s.Sent
		shard.NotOffered += s.NotOffered
		shard.Accepted += s.OK
		shard.Finished += s.Finished
	}
	return []result.Shard{shard}
}

// tardy returns an error if the run began too late.
func (r *run) tardy() error {
	if r.late == 0 {
		return nil
	}
	return fmt.Errorf("it began %s late: what was due before was not offered", result.Seconds(r.late.Seconds()))
}

func join(a, b string) string {
	if b == "" {
		return a
	}
	return a + "; " + b
}

// snapshot returns the present state of the run.
func (r *run) snapshot() live.Snapshot {
	partial := result.Result{Scenario: r.Scenario.Name, Settings: r.Scenario.Settings()}
	r.recorder.Into(&partial)
	partial.Shards = r.shards(partial)
	s := live.Snapshot{
		Scenario: partial.Title(), Target: r.Scenario.Target, Elapsed: time.Since(r.start),
		Offering: r.Scenario.Plan().Duration(), Seconds: partial.Seconds,
	}
	for _, t := range r.Scenario.Thresholds {
		s.Thresholds = append(s.Thresholds, t.Evaluate(partial))
	}
	return s
}
