package growth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
	"example.com/clew/test/bench/internal/work"
)

// retry owns the messages of a group that wait for their next attempt.
const retry = "retry"

// Claim measures a look of a claimer that finds one message whose next attempt is due, in a pending list of many whose next
// attempt is not. The time is that of the script, as the consumer waits for it.
func Claim(ctx context.Context, j child.Job) (report.Result, error) {
	client, err := fill(ctx, j, j.Backlog)
	if err != nil {
		return report.Result{}, err
	}
	defer client.Close()
	looks := &successfulLooks{}
	client.AddHook(looks)
	streams := messaging.New(client, messaging.Config{Logger: slog.New(slog.DiscardHandler)})
	done := make(chan struct{})
	consumer := messaging.NewConsumer(streams, messaging.Named(j.Stream), messaging.ConsumerConfig{
		Group: j.Group, BackoffFirst: time.Millisecond, BackoffMost: time.Hour, ClaimAfter: time.Hour, // the backlog is never due
	}, messaging.OnType[messaging.Named](work.EventType, func(_ context.Context, m messaging.Message) error {
		if m.Deliveries == 1 {
			return errors.New("the first attempt fails, so that a claimer finds the message")
		}
		done <- struct{}{}
		return nil
	}))
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(running) }()

	err = repeat(ctx, streams, j, done)
	stop()
	err = errors.Join(err, <-ended, client.Unlink(ctx, messaging.StreamKey(j.Stream, 0)).Err())
	if err == nil && len(looks.took) != least {
		err = fmt.Errorf("%d looks found a message, expected %d", len(looks.took), least)
	}
	if err != nil {
		return report.Result{}, err
	}
	return result(looks.took), nil
}

// repeat publishes one message after the other, each when the one before is done with.
func repeat(ctx context.Context, streams *messaging.Streams, j child.Job, done <-chan struct{}) error {
	for range least {
		m, err := work.NewMessage(j.Stream, false)
		if err == nil {
			err = errors.Join(streams.Publisher().Publish(ctx, m)...)
		}
		if err != nil {
			return err
		}
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// successfulLooks is a hook that times the looks of a claimer that took one message. They are known by the reply of their
// script, the only one of five parts.
type successfulLooks struct {
	mu   sync.Mutex
	took []time.Duration
}

func (l *successfulLooks) DialHook(next redis.DialHook) redis.DialHook { return next }

func (l *successfulLooks) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (l *successfulLooks) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		started := time.Now()
		err := next(ctx, command)
		took := time.Since(started)
		script, ok := command.(*redis.Cmd)
		if !ok || err != nil {
			return err
		}
		if reply, ok := script.Val().([]any); ok && len(reply) == 5 {
			if taken, ok := reply[0].([]any); ok && len(taken) == 1 {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.took = append(l.took, took)
			}
		}
		return nil
	}
}

// Sample measures what a sampler does for one partition every 2 s. Half of the entries are pending, and half are not delivered.
// One of these was deleted, so that Redis does not know how many they are, and nobody has looked before: that is the longest
// sample.
func Sample(ctx context.Context, j child.Job) (report.Result, error) {
	client, err := fill(ctx, j, j.Backlog/2)
	if err != nil {
		return report.Result{}, err
	}
	defer client.Close()
	key := messaging.StreamKey(j.Stream, 0)
	last, err := client.XRevRangeN(ctx, key, "+", "-", 1).Result()
	if err == nil {
		err = client.XDel(ctx, key, last[0].ID).Err()
	}
	if err != nil {
		return report.Result{}, err
	}
	admin := messaging.New(client, messaging.Config{}).Admin()
	var times []time.Duration
	for range 11 * least { // it is short
		started := time.Now()
		infos, err := admin.Streams(ctx, j.Stream)
		times = append(times, time.Since(started))
		if err != nil {
			return report.Result{}, err
		}
		if got := infos[0]; got.Messages != int64(j.Backlog-1) || got.Groups[0].Pending != int64(j.Backlog/2) {
			return report.Result{}, fmt.Errorf("the sample is %+v, expected %d messages, half of them pending", got, j.Backlog-1)
		}
	}
	return result(times), client.Unlink(ctx, key).Err()
}

// fillBatch is how many entries a script adds or reads.
const fillBatch = 10_000

var (
	addScript = redis.NewScript(`for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2)) end return 1`)

	// A script, because the client would get all entries.
	readScript = redis.NewScript(
		`redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', KEYS[1], '>') return 1`)
)

// fill makes a stream of Backlog messages of the usual size, of which the first are pending with retry. The caller closes the
// client.
func fill(ctx context.Context, j child.Job, pending int) (client redis.UniversalClient, err error) {
	if client, err = messaging.Connect(messaging.Redis{URL: j.RedisURL}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = client.Close()
		}
	}()
	m, err := work.NewMessage(j.Stream, false)
	if err != nil {
		return nil, err
	}
	keys := []string{messaging.StreamKey(j.Stream, 0)}
	for left := j.Backlog; left > 0; left -= fillBatch {
		args := []any{min(left, fillBatch)}
		for _, field := range work.FieldsOf(m) {
			args = append(args, field)
		}
		if err := addScript.Run(ctx, client, keys, args...).Err(); err != nil {
			return nil, fmt.Errorf("fill the stream: %w", err)
		}
	}
	if err := client.XGroupCreate(ctx, keys[0], j.Group, "0").Err(); err != nil {
		return nil, err
	}
	for left := pending; left > 0; left -= fillBatch {
		if err := readScript.Run(ctx, client, keys, j.Group, retry, min(left, fillBatch)).Err(); err != nil {
			return nil, fmt.Errorf("fill the pending list: %w", err)
		}
	}
	return client, nil
}
