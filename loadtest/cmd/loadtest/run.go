package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/loadtest/internal/live"
	"example.com/clew/loadtest/internal/metrics"
	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/run"
	"example.com/clew/loadtest/internal/scenario"
	"example.com/clew/loadtest/internal/target"
	"example.com/clew/loadtest/internal/terminal"
	"example.com/clew/loadtest/internal/traces"
	"example.com/clew/services/messaging"
)

type runCmd struct {
	Scenario string `default:"steady" help:"One of loadtest scenarios, or the path of a YAML file (${default})."`
	scenario.Override

	OrderURL    string `name:"order-url" help:"Base URL of the order API; by default the one that make up started."`
	RedisURL    string `name:"redis-url" help:"URL of its Redis."`
	AllowRemote bool   `help:"Allow a target outside of this machine and private networks."`

	Traces float64 `default:"10" placeholder:"PERCENT" help:"Requests whose traces begin here (${default}); of others, order decides."`

	Shard string    `placeholder:"2/4" help:"Offer this part of the arrivals; in an Indexed Job of Kubernetes 4 is enough."`
	Start time.Time `placeholder:"TIME" help:"When all shards begin, as in 2026-11-29T20:00:00Z; by default at a full minute, in 10 to 70 s."`

	outputs
}

// Run runs the scenario and prints its verdict.
func (c *runCmd) Run(ctx context.Context) error {
	s, err := scenario.Load(c.Scenario)
	if err == nil {
		s, err = s.With(c.Override)
	}
	if err == nil && !(c.Traces >= 0 && c.Traces <= 100) {
		err = fmt.Errorf("--traces is %v, expected a percentage from 0 to 100", c.Traces)
	}
	var shard scenario.Shard
	if err == nil {
		shard, err = c.shard(s, time.Now())
	}
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return withCode(exitUsage, err)
	}
	found, client, err := c.target(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()

	inFlight := &atomic.Int64{}
	shown := metrics.New(func() int { return int(inFlight.Load()) })
	stop, err := serve(shown.Handler(), found.Metrics)
	if err != nil {
		return withCode(exitUsage, err)
	}
	defer stop()

	tracer, err := traces.New(found.OTLP, c.Traces/100)
	if err != nil {
		return withCode(exitUsage, err)
	}

	offering, waiting, release := interrupts(ctx)
	defer release()
	out, colour := c.out()
	terminal.Printf(out, "%s: %s\n\n", s.Name, s.Teaches)
	if shard.Of > 0 {
		terminal.Printf(out, "shard %d/%d begins at %s\n\n", shard.Number, shard.Of, c.Start.UTC().Format(time.RFC3339))
	}
	measured, err := search(offering, out, s, func(s scenario.Scenario) (result.Result, error) {
		return run.Do(offering, waiting, run.Config{
			Scenario: s, Shard: shard, Start: c.Start, Target: found, Redis: client, Metrics: shown, InFlight: inFlight, Tracer: tracer,
			Show: func(ctx context.Context, snapshot func() live.Snapshot) {
				live.Show(ctx, out, colour, snapshot)
			},
		})
	})
	if err := tracer.Close(); err != nil {
		terminal.Error(os.Stderr, err)
	}
	if measured.Version == 0 {
		return withCode(exitNotJudged, err)
	}
	return c.report(measured, err)
}

// shard returns the shard to offer, and sets Start if it is one and has none.
func (c *runCmd) shard(s scenario.Scenario, now time.Time) (shard scenario.Shard, err error) {
	if c.Shard == "" {
		if !c.Start.IsZero() {
			return shard, errors.New("--start is when shards begin together: expected --shard, too")
		}
		return shard, nil
	}
	if shard, err = scenario.ParseShard(c.Shard, os.Getenv("JOB_COMPLETION_INDEX")); err != nil {
		return shard, err
	}
	if s.Search != nil {
		return shard, fmt.Errorf("scenario %s has no shards: it searches, and each rate depends on the verdict before", s.Name)
	}
	if c.Start.IsZero() {
		c.Start = now.Add(10*time.Second + time.Minute - 1).Truncate(time.Minute)
	}
	if end := c.Start.Add(s.Plan().Duration()); end.Before(now) {
		return shard, fmt.Errorf("--start is %s, and the run was over at %s: expected a time to come",
			c.Start.Format(time.RFC3339), end.Format(time.RFC3339))
	}
	c.quiet = c.JSON == result.Stdout
	return shard, nil
}

// target finds the system to put under load, and checks that this is allowed and that it is ready.
func (c *runCmd) target(ctx context.Context) (target.Target, redis.UniversalClient, error) {
	found, err := target.Find(c.OrderURL, c.RedisURL)
	if err != nil {
		return found, nil, withCode(exitNotJudged, err)
	}
	if err := found.Valid(); err != nil {
		return found, nil, withCode(exitUsage, err)
	}
	if !c.AllowRemote {
		if err := found.Local(ctx); err != nil {
			return found, nil, withCode(exitUsage, err)
		}
	}
	client, err := messaging.Connect(found.Redis)
	if err != nil {
		return found, nil, withCode(exitUsage, err)
	}
	if err := found.Reachable(ctx, client); err != nil {
		return found, nil, withCode(exitNotJudged, errors.Join(err, client.Close()))
	}
	return found, client, nil
}

// serve serves the metrics of this program at LOADTEST_ADDR, or else where they are looked for, until stop is called. If the
// address is taken, by another load test for example, the run goes on without.
func serve(handler http.Handler, lookedFor string) (stop func(), err error) {
	addr := cmp.Or(os.Getenv("LOADTEST_ADDR"), lookedFor, "127.0.0.1:9090")
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, fmt.Errorf("LOADTEST_ADDR is %q, expected host:port, such as 127.0.0.1:9090", addr)
	}
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		terminal.Printf(os.Stderr, "loadtest: its metrics are not shown, because %s is taken; LOADTEST_ADDR moves them\n", addr)
		return func() {}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: set LOADTEST_ADDR to an address of this machine: %w", addr, err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return func() { _ = server.Close() }, nil
}

// interrupts returns two contexts: the first ends at the first interrupt, the second at the second. A third ends the
// program at once.
func interrupts(ctx context.Context) (first, second context.Context, release func()) {
	second, endSecond := context.WithCancel(ctx)
	first, endFirst := context.WithCancel(second)
	signals := make(chan os.Signal, 3)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			terminal.Printf(os.Stderr, "\nloadtest: no more load; waiting for what was accepted (interrupt again to stop waiting)\n")
			endFirst()
		case <-second.Done():
			return
		}
		select {
		case <-signals:
			endSecond()
		case <-second.Done():
		}
		signal.Stop(signals)
	}()
	return first, second, func() { endFirst(); endSecond(); signal.Stop(signals) }
}

// search does one run or, for a scenario that searches, one after the other. It returns the one with the highest rate at which
// all thresholds hold, or the last if there is none. With an error it returns the measurements made before.
func search(
	ctx context.Context, out io.Writer, s scenario.Scenario, do func(scenario.Scenario) (result.Result, error),
) (best result.Result, err error) {
	if s.Search == nil {
		return do(s)
	}
	held, failed := 0.0, 0.0
	for rate, more := s.Plan().Peak(), true; more && ctx.Err() == nil; rate, more = s.Search.Next(held, failed) {
		at, err := s.With(scenario.Override{Rate: &rate})
		if err != nil {
			return best, err
		}
		r, err := do(at)
		if err != nil {
			if held == 0 && r.Version != 0 {
				best = r
			}
			return best, err
		}
		terminal.Printf(out, "%.0f/s: %s\n", rate, outcome(r))
		if r.Verdict == result.Passed {
			held, best = rate, r
			continue
		}
		failed = rate
		if held == 0 {
			best = r
		}
	}
	return best, nil
}

func outcome(r result.Result) string {
	if r.Verdict != result.Failed {
		return r.Verdict
	}
	text := r.Verdict + ":"
	for _, t := range r.Thresholds {
		if !t.Holds {
			text += " " + t.Text
		}
	}
	return text
}
