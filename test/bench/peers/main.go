// Command peers measures what other libraries do with bench's messages; `make bench` runs it.
//
// Its arguments are a library, watermill, watermill-16 or asynq, and what it does, publish or consume. It prints a JSON object with
// the rate. A message is the data of bench's messages and nothing else: no telemetry, no headers. Each library has its default
// settings and the go-redis of the floors.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// A peer is a library at work.
type peer interface {
	// publish returns when Redis has so many messages of this data.
	publish(ctx context.Context, data []byte, messages int) error

	// consume returns when messages are consumed, each by a call of handle. What it returns stops that.
	consume(ctx context.Context, handle func()) (stop func() error, err error)

	// left is the number of messages that are published and not acknowledged.
	left(ctx context.Context) (int64, error)
}

func peers(client *redis.Client) map[string]peer {
	return map[string]peer{
		"watermill": watermillPeer{client, 1}, "watermill-16": watermillPeer{client, atOnce}, "asynq": newAsynq(client),
	}
}

// atOnce is how many handlers run at once, as in our consumer.
const atOnce = 16

// database of Redis is what a peer has to itself, so that it can be emptied.
const database = 1

// dataBytes is the size of a message's data.
const dataBytes = 512

// figures are the result, with the names of bench's results.
type figures struct {
	Value  float64 // messages a second
	Allocs float64 // of a message
}

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	redisURL := flag.String("redis", "", "`URL` of a Redis, whose database 1 is emptied; required")
	messages := flag.Int("messages", 20_000, "how `many` messages")
	profile := flag.String("profile", "", "write a CPU profile to this `file`")
	flag.Parse()
	f, err := measure(ctx, *redisURL, flag.Arg(0), flag.Arg(1), *messages, *profile)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		return 1
	}
	return 0
}

func measure(ctx context.Context, redisURL, library, task string, messages int, profile string) (f figures, err error) {
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		return f, fmt.Errorf("-redis: %w", err)
	}
	options.DB = database
	client := redis.NewClient(options)
	defer client.Close()
	p, ok := peers(client)[library]
	if !ok || task != "publish" && task != "consume" {
		return f, errors.New("expected watermill, watermill-16 or asynq, and then publish or consume")
	}
	if err := client.FlushDB(ctx).Err(); err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, client.FlushDB(context.WithoutCancel(ctx)).Err()) }()

	data := []byte(`{"filler":"` + strings.Repeat("x", dataBytes-len(`{"filler":""}`)) + `"}`)
	publish := func() error { return publishAll(ctx, p, data, messages) }
	if task == "publish" {
		return meter(messages, profile, publish)
	}
	if err := publish(); err != nil {
		return f, err
	}
	var stop func() error
	f, err = meter(messages, profile, func() (err error) {
		stop, err = consumeAll(ctx, p, messages)
		return err
	})
	if err != nil {
		return f, err
	}
	return f, stop()
}

func publishAll(ctx context.Context, p peer, data []byte, messages int) error {
	if err := p.publish(ctx, data, messages); err != nil {
		return err
	}
	there, err := p.left(ctx)
	if err == nil && there != int64(messages) {
		err = fmt.Errorf("%d messages were published of %d", there, messages)
	}
	return err
}

// consumeAll returns when every message is acknowledged.
func consumeAll(ctx context.Context, p peer, messages int) (stop func() error, err error) {
	var handled atomic.Int64
	all := make(chan struct{})
	stop, err = p.consume(ctx, func() {
		if handled.Add(1) == int64(messages) {
			close(all)
		}
	})
	if err != nil {
		return nil, err
	}
	select {
	case <-all:
	case <-ctx.Done():
		return nil, fmt.Errorf("%d messages were handled of %d: %w", handled.Load(), messages, ctx.Err())
	}
	for {
		left, err := p.left(ctx)
		if err != nil {
			return nil, err
		}
		if left == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if n := handled.Load(); n != int64(messages) {
		return nil, fmt.Errorf("%d messages were handled of %d", n, messages)
	}
	return stop, nil
}

// meter measures time, allocations and, unless the file is "", where the time goes.
func meter(messages int, profile string, do func() error) (f figures, err error) {
	if profile != "" {
		file, err := os.Create(profile)
		if err == nil {
			defer func() { _ = file.Close() }()
			err = pprof.StartCPUProfile(file)
		}
		if err != nil {
			return f, fmt.Errorf("-profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	runtime.GC()
	before, started := mallocs(), time.Now()
	if err := do(); err != nil {
		return f, err
	}
	elapsed := time.Since(started)
	n := float64(messages)
	return figures{Value: n / elapsed.Seconds(), Allocs: float64(mallocs()-before) / n}, nil
}

func mallocs() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Mallocs
}
