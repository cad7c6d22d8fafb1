package messaging

import (
	"context"
	"sync"
	"time"
)

const (
	// lookEvery is the longest time between two looks at a pending list: other consumers may leave work there, too.
	lookEvery = time.Second

	// The next look waits for a multiple of the time that the last one took: while Redis looks through a long list, it
	// serves nobody else.
	restLeast, restTimes = 20 * time.Millisecond, 20

	// suspectsFor bounds the time for which suspects hold up everything else. The last one may run longer.
	suspectsFor = time.Second

	// clockJump is the smallest step back of Redis's clock that is handled.
	clockJump = time.Second
)

// A claimer claims the due messages of one partition: failed ones whose backoff is over, and those of dead consumers.
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

// expect makes the claimer look after wait.
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

// look claims as many due messages as there is room for, and reports whether there may be more.
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

// claimSuspects claims suspects one at a time, each when the one before is settled and nothing else is held, so that a
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

// watchClock repairs messages with a delivery time in the future: at the start, and whenever Redis's clock was set back.
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
