package messaging

import (
	"context"
	"sync"
	"time"
)

const (
	// lookEvery is how long a consumer leaves a pending list unseen, in which others may leave work too.
	lookEvery = time.Second

	// After a look there is none for a multiple of the time that it took, so that a long list, through which Redis looks
	// while everything else waits, does not keep it busy.
	restLeast, restTimes = 20 * time.Millisecond, 20

	// suspectsFor bounds how long suspects keep everything else waiting, but for the last of them.
	suspectsFor = time.Second

	// clockJump is by how much Redis's clock is set back before it matters.
	clockJump = time.Second
)

// A claimer takes the messages that are due from the pending list of one partition: failed ones whose backoff is over, and
// those that dead consumers held.
type claimer struct {
	*member
	queue     *queue
	outage    *outage
	quiet     *sync.RWMutex // held for writing by a suspect that must be alone in the queue
	partition int
	due       chan struct{} // a signal: something may be due

	started time.Time
	ahead   time.Duration // of Redis's clock to the time since started, at the last look; 0 before the first
}

func newClaimer(m *member, q *queue, o *outage, quiet *sync.RWMutex, partition int) *claimer {
	return &claimer{
		member: m, queue: q, outage: o, quiet: quiet, partition: partition,
		due: make(chan struct{}, 1), started: time.Now(),
	}
}

// expect makes the claimer look after a while.
func (c *claimer) expect(wait time.Duration) {
	time.AfterFunc(wait, func() {
		select {
		case c.due <- struct{}{}:
		default:
		}
	})
}

// run claims until ctx ends.
func (c *claimer) run(ctx context.Context) {
	c.expect(0)
	for pause := retryFirst; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(float64(lookEvery) * jitter())): // not all partitions at once
		case <-c.due:
		}
		looked := time.Now()
		more, err := c.look(ctx)
		if err == nil || isNoGroup(err) {
			pause = retryFirst
		} else if !c.pauseAfter(ctx, "claiming messages", &pause, err) {
			return
		}
		if more {
			c.expect(0)
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(restLeast, restTimes*time.Since(looked))):
		}
	}
}

// look takes as many due messages as there is room for, and reports whether there may be more.
func (c *claimer) look(ctx context.Context) (more bool, err error) {
	if !c.outage.wait(ctx) {
		return false, nil
	}
	found, more, err := c.claimDue(ctx)
	if err != nil {
		return false, err
	}
	if found.suspects > 0 {
		return true, c.claimSuspects(ctx)
	}
	return more, c.watchClock(ctx, found.now)
}

func (c *claimer) claimDue(ctx context.Context) (found due, more bool, err error) {
	c.quiet.RLock()
	defer c.quiet.RUnlock()
	room := c.queue.room(c.partition, claimed)
	if room == 0 {
		c.expect(restLeast)
		return due{}, false, nil
	}
	found, err = c.claim(ctx, c.partition, room, false, c.queue.holds(c.partition))
	if err != nil {
		return found, false, err
	}
	for _, e := range found.taken {
		c.queue.push(c.take(c.partition, claimed, e))
	}
	for _, e := range found.exhausted {
		c.exhaust(ctx, c.partition, e)
	}
	return found, len(found.taken)+len(found.exhausted) >= room, nil
}

// claimSuspects takes suspects one at a time, each when the one before is settled and nothing else is held: a
// message that kills this process takes no other with it.
func (c *claimer) claimSuspects(ctx context.Context) error {
	c.quiet.Lock()
	defer c.quiet.Unlock()
	drained := func() bool {
		select {
		case <-c.queue.drained():
			return true
		case <-ctx.Done():
			return false
		}
	}
	for started := time.Now(); time.Since(started) < suspectsFor && drained(); {
		found, err := c.claim(ctx, c.partition, 1, true, nil)
		if err != nil || len(found.taken) == 0 {
			return err
		}
		c.queue.push(c.take(c.partition, claimed, found.taken[0]))
	}
	drained()
	return nil
}

// watchClock looks for messages with a delivery time in the future: at the start, and whenever Redis's clock is further
// behind than it was.
func (c *claimer) watchClock(ctx context.Context, now time.Duration) error {
	if now == 0 {
		return nil
	}
	ahead := now - time.Since(c.started)
	if c.ahead == 0 || ahead < c.ahead-clockJump {
		if err := c.mend(ctx, c.partition); err != nil {
			return err
		}
	}
	c.ahead = ahead
	return nil
}
