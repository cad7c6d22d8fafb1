package messaging

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// claimMost is how long a consumer leaves a pending list unseen, in which others may leave work too.
	claimLeast, claimMost = 20 * time.Millisecond, time.Second
)

// fetch reads new messages of one partition until ctx ends. A Redis that is away or has lost its data is waited for.
func (c *Consumer) fetch(ctx context.Context, partition int) {
	joined, pause := false, retryFirst
	for ctx.Err() == nil {
		var err error
		if !joined {
			err = c.join(ctx, partition)
			joined = err == nil
		}
		if joined {
			err = c.fetchOnce(ctx, partition)
		}
		if err == nil {
			pause = retryFirst
			continue
		}
		if strings.HasPrefix(err.Error(), "NOGROUP") {
			joined = false // somebody deleted the stream or the group
		}
		if !c.again(ctx, "fetching messages", &pause, err) {
			return
		}
	}
}

// fetchOnce waits for room, asks for as many messages as fit and queues them.
func (c *Consumer) fetchOnce(ctx context.Context, partition int) error {
	if !c.outage.wait(ctx) {
		return nil
	}
	c.quiet.RLock()
	defer c.quiet.RUnlock()
	room := c.queue.awaitRoom(ctx, partition)
	if room == 0 {
		return nil
	}
	started := time.Now()
	streams, err := c.client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: c.sub.Group, Consumer: c.name, Streams: []string{StreamKey(c.sub.Stream, partition), ">"},
		Count: int64(room), Block: c.block,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil // nothing came in time
	}
	if err != nil {
		return err
	}
	c.instrumentation.receive.Observe(time.Since(started).Seconds())
	for _, entry := range streams[0].Messages {
		c.take(partition, fetched, pendingEntry{XMessage: entry})
	}
	return nil
}

// take queues an entry that was just delivered to this consumer.
func (c *Consumer) take(partition int, by intake, e pendingEntry) {
	d := delivery{partition: partition, entryID: e.ID, entry: e.XMessage, by: by}
	d.Stream, d.Deliveries = c.sub.Stream, e.deliveries+1
	d.Subject, _ = e.Values[fieldSubject].(string)
	if e.owner != "" && e.owner != retryConsumer && e.owner != c.name {
		d.takenFrom, d.takenIdle = e.owner, e.idle
		c.instrumentation.takenOver.Inc()
	}
	c.instrumentation.consumed.Inc()
	if e.deliveries == 0 && e.Values[headerRedriveGroup] == c.sub.Group {
		c.instrumentation.redriven.Inc() // here, because who redrives may be a command, which nobody scrapes
	}
	c.queue.push(d)
}

// claims takes what is due from the pending list of one partition until ctx ends: failed messages whose backoff is
// over, and what dead consumers held.
func (c *Consumer) claims(ctx context.Context, partition int) {
	pause, wait := retryFirst, claimLeast
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		case <-c.failed[partition]:
			wait = claimLeast // the list has changed
			continue
		}
		next, err := c.claimOnce(ctx, partition)
		wait = min(max(next, claimLeast), claimMost)
		if err == nil || strings.HasPrefix(err.Error(), "NOGROUP") { // fetch makes a missing group
			pause = retryFirst
		} else if !c.again(ctx, "claiming messages", &pause, err) {
			return
		}
	}
}

// claimOnce takes what is due and for which there is room, and says when there may be more.
func (c *Consumer) claimOnce(ctx context.Context, partition int) (time.Duration, error) {
	if !c.outage.wait(ctx) {
		return claimMost, nil
	}
	found, err := c.claimDue(ctx, partition)
	if err != nil {
		return claimMost, err
	}
	if found.suspects > 0 {
		return 0, c.claimSuspects(ctx, partition)
	}
	return found.wait, nil
}

func (c *Consumer) claimDue(ctx context.Context, partition int) (due, error) {
	c.quiet.RLock()
	defer c.quiet.RUnlock()
	room := c.queue.room(partition, claimed)
	if room == 0 {
		return due{wait: claimLeast}, nil
	}
	found, err := c.claim(ctx, partition, room, false)
	if err != nil {
		return found, err
	}
	for _, e := range found.taken {
		c.take(partition, claimed, e)
	}
	for _, e := range found.exhausted {
		c.giveUp(ctx, partition, e)
	}
	return found, nil
}

// suspectsFor bounds how long suspects keep everything else waiting, but for the last of them.
const suspectsFor = time.Second

// claimSuspects takes suspects one at a time, each when the one before is settled and nothing else is held: what kills
// this process takes no other message with it.
func (c *Consumer) claimSuspects(ctx context.Context, partition int) error {
	c.quiet.Lock()
	defer c.quiet.Unlock()
	for started := time.Now(); time.Since(started) < suspectsFor && c.queue.drained(ctx); {
		found, err := c.claim(ctx, partition, 1, true)
		if err != nil || len(found.taken) == 0 {
			return err
		}
		c.take(partition, claimed, found.taken[0])
	}
	c.queue.drained(ctx)
	return nil
}

// due is what the script claim has found.
type due struct {
	taken, exhausted []pendingEntry
	suspects         int64
	wait             time.Duration
}

// A pendingEntry is an entry as it stood in the pending list, before it was delivered to this consumer. One that was
// fetched stood in none: it has no owner and no deliveries.
type pendingEntry struct {
	redis.XMessage
	owner      string
	deliveries int64
	idle       time.Duration
}

func (c *Consumer) claim(ctx context.Context, partition, limit int, alone bool) (due, error) {
	key := StreamKey(c.sub.Stream, partition)
	args := withIDs(c.queue.holds(partition), c.sub.Group, c.name, limit, c.claimAfter.Milliseconds(),
		c.backoffFirst.Milliseconds(), c.backoffMost.Milliseconds(), maxDeliveries, alone)
	reply, err := claim.Run(ctx, c.client, []string{key}, args...).Slice()
	if err != nil {
		return due{}, err
	}
	c.lost(key, reply[2].(int64))
	return due{
		taken: pendingEntries(reply[0]), exhausted: pendingEntries(reply[1]), suspects: reply[3].(int64),
		wait: fromMilliseconds(reply[4]),
	}, nil
}

// pendingEntries reads what the script claim returns; its documentation is the reply's definition.
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
	return time.Duration(ms) * time.Millisecond
}
