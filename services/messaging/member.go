package messaging

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	retryFirst, retryMost = 100 * time.Millisecond, time.Second // between attempts to reach Redis

	// answer is the time that Redis has to answer, beyond the time for which a command blocks. Cancelling a context does not
	// end the wait, so a stop may take as long.
	answer = 2 * time.Second
)

// A member is a consumer's place in its group: its requests to Redis, for one partition at a time.
type member struct {
	*shared
	ConsumerConfig
	stream          string
	logger          *slog.Logger
	instrumentation *consumerInstrumentation
}

func (m *member) key(partition int) string { return StreamKey(m.stream, partition) }

// script runs a script on a partition's stream.
func (m *member) script(ctx context.Context, script *redis.Script, partition int, args ...any) *redis.Cmd {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	return script.Run(ctx, m.client, []string{m.key(partition)}, append([]any{m.Group}, args...)...)
}

// awaitAgreement waits until Redis has confirmed the number of partitions, or ctx ends.
func (m *member) awaitAgreement(ctx context.Context) error {
	for pause := retryFirst; ; {
		err := m.agree(ctx, m.stream)
		if other := (*PartitionsError)(nil); err == nil || errors.As(err, &other) {
			return err
		}
		if !m.pauseAfter(ctx, "joining the group", &pause, err) {
			return nil
		}
	}
}

// join makes sure that the stream, the group and this consumer exist, and that Redis has the agreed number of partitions: a
// Redis that lost its data has lost all of these. A full Redis makes no consumer, but serves it all the same.
func (m *member) join(ctx context.Context, partition int) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	if err := m.agree(ctx, m.stream); err != nil {
		return err
	}
	from := "0"
	if m.Temporary {
		from = "$"
	}
	err := m.client.XGroupCreateMkStream(ctx, m.key(partition), m.Group, from).Err()
	if err == nil || strings.HasPrefix(err.Error(), "BUSYGROUP") {
		err = m.client.XGroupCreateConsumer(ctx, m.key(partition), m.Group, m.Name).Err()
	}
	if err != nil && strings.HasPrefix(err.Error(), "OOM") {
		return nil
	}
	return err
}

// fetch waits for new messages. If Redis's answer comes too late, its messages are found later: they are pending with this
// consumer.
func (m *member) fetch(ctx context.Context, partition, most int) ([]redis.XMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, m.Block+answer)
	defer cancel()
	started := time.Now()
	streams, err := m.client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: m.Group, Consumer: m.Name, Streams: []string{m.key(partition), ">"}, Count: int64(most), Block: m.Block,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil // nothing came in time
	}
	if err != nil {
		return nil, err
	}
	m.instrumentation.receive.Observe(time.Since(started).Seconds())
	return streams[0].Messages, nil
}

// due is a result of the script claim.
type due struct {
	taken, exhausted []pendingEntry
	suspects         int64
	now              time.Duration // Redis's clock
}

// A pendingEntry is an entry as it was in the pending list before it was delivered to this consumer. A fetched entry was not
// pending: it has no owner and no deliveries.
type pendingEntry struct {
	redis.XMessage
	owner      string
	deliveries int64
	idle       time.Duration
}

func (m *member) claim(ctx context.Context, partition, limit int, alone bool, held []string) (due, error) {
	args := withIDs(held, m.Name, limit, m.ClaimAfter.Milliseconds(), m.BackoffMost.Milliseconds(), m.Deliveries, alone)
	reply, err := m.script(ctx, claim, partition, args...).Slice()
	if err != nil {
		return due{}, err
	}
	m.lost(partition, reply[2].(int64))
	return due{
		taken: pendingEntries(reply[0]), exhausted: pendingEntries(reply[1]), suspects: reply[3].(int64),
		now: fromMilliseconds(reply[4]),
	}, nil
}

// pendingEntries reads a list in the reply of the script claim, which documents its form.
func pendingEntries(reply any) []pendingEntry {
	var entries []pendingEntry
	for _, item := range reply.([]any) {
		item := item.([]any)
		values := map[string]any{}
		fields := item[1].([]any)
		for i := 0; i+1 < len(fields); i += 2 {
			values[fields[i].(string)] = fields[i+1]
		}
		entries = append(entries, pendingEntry{
			XMessage: redis.XMessage{ID: item[0].(string), Values: values},
			owner:    item[2].(string), deliveries: item[3].(int64), idle: fromMilliseconds(item[4]),
		})
	}
	return entries
}

func fromMilliseconds(reply any) time.Duration {
	ms := reply.(int64)
	return time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}

// mend corrects delivery times that are in the future.
func (m *member) mend(ctx context.Context, partition int) error {
	for from := "-"; from != ""; {
		var err error
		if from, err = m.script(ctx, mend, partition, from).Text(); err != nil {
			return err
		}
	}
	return nil
}

// keepAlive keeps the messages that this consumer holds from being taken over, and reports whether Redis is full.
func (m *member) keepAlive(ctx context.Context, partition int, held []string) (full bool, err error) {
	reply, err := m.script(ctx, keepalive, partition, withIDs(held, m.Name)...).Int64Slice()
	return err == nil && reply[1] == 1, err
}

// release hands entries that this consumer owns to retry, for an attempt by any consumer after wait. spent tells whether the
// delivery counts.
func (m *member) release(ctx context.Context, partition int, wait time.Duration, spent bool, entryIDs ...string) error {
	if len(entryIDs) == 0 {
		return nil
	}
	idle := m.BackoffMost - wait
	reply, err := m.script(ctx, release, partition, withIDs(entryIDs, m.Name, idle.Milliseconds(), spent)...).Int64Slice()
	if err != nil {
		return err
	}
	m.lost(partition, reply[1])
	return nil
}

// backoff is the wait before the next attempt after this number of deliveries.
func (m *member) backoff(deliveries int64) time.Duration {
	wait := float64(m.BackoffFirst) * math.Pow(3, float64(deliveries-1)) * jitter()
	return time.Duration(min(wait, float64(m.BackoffMost)))
}

// forbear is the wait of a contended message before its next attempt. Such attempts are not counted: it waits half as long
// again as it has waited so far.
func (m *member) forbear(d *delivery) time.Duration {
	wait := float64(time.Since(entryTime(d.entryID))) / 2
	return time.Duration(min(max(wait, float64(m.BackoffFirst))*jitter(), float64(m.BackoffMost)))
}

// jitter is 1 plus or minus 20 %, so that messages that failed together are not tried together.
func jitter() float64 { return 0.8 + 0.4*rand.Float64() }

func (m *member) acknowledge(ctx context.Context, partition int, entryIDs []string) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	started := time.Now()
	err := m.client.XAck(ctx, m.key(partition), m.Group, entryIDs...).Err()
	if err == nil {
		m.instrumentation.ack.Observe(time.Since(started).Seconds())
	}
	return err
}

// trim removes messages that every group has acknowledged and that are older than a retention.
func (m *member) trim(ctx context.Context, partition int, retention time.Duration) error {
	return m.script(ctx, trim, partition, retention.Milliseconds(), mostEntries).Err()
}

// leave gives back unfinished messages, and removes the consumer from its group where it has nothing pending. A temporary
// group is deleted.
func (m *member) leave(unfinished [][]string) {
	ctx, cancel := context.WithTimeout(context.Background(), answer)
	defer cancel()
	for partition := range m.Partitions {
		var err error
		if m.Temporary {
			err = m.client.XGroupDestroy(ctx, m.key(partition), m.Group).Err()
		} else {
			err = errors.Join(
				m.release(ctx, partition, 0, false, unfinished[partition]...),
				m.script(ctx, removeConsumer, partition, m.Name, 0).Err())
		}
		if err != nil {
			m.logger.Warn("leaving the group failed", "key", m.key(partition), "error", err)
		}
	}
}

// lost counts pending messages that were deleted from the stream.
func (m *member) lost(partition int, messages int64) {
	if messages > 0 {
		m.instrumentation.lost.Add(float64(messages))
		m.logger.Error("pending messages were deleted from the stream: they are lost", "key", m.key(partition), "messages", messages)
	}
}

// pauseAfter waits a while after an error of Redis, longer each time, and reports whether ctx goes on.
func (m *member) pauseAfter(ctx context.Context, doing string, pause *time.Duration, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	m.logger.Warn(doing+" stopped, trying again", "error", err, "pause", *pause)
	select {
	case <-ctx.Done():
		return false
	case <-time.After(*pause):
	}
	*pause = min(2**pause, retryMost)
	return true
}

// isNoGroup reports whether err says that the group, or the whole stream, was deleted. A fetch makes it again.
func isNoGroup(err error) bool {
	return strings.HasPrefix(err.Error(), "NOGROUP") || isNoStream(err)
}

// withIDs are the arguments of a script that takes entry ids last.
func withIDs(entryIDs []string, args ...any) []any {
	for _, entryID := range entryIDs {
		args = append(args, entryID)
	}
	return args
}
