// Package follow follows every accepted order to its end by reading the services' streams. Meanwhile it measures the messages
// that wait in Redis. At the end it accounts for orders that are lost, duplicated, or ended otherwise than their SKU implies.
//
// The files in the order of the data:
//
//	follow.go   a [Follower], its beginning and its end
//	read.go     entries of the streams become events
//	ledger.go   events and accepted orders are matched, in whichever order they come
//	judge.go    ended orders are counted
//	levels.go   lag, pending and dead letters, every 250 ms
//
// # When an order ends
//
// With the first of order.confirmed.v1, order.rejected.v1 and order.cancelled.v1, or with a dead letter that keeps it from being
// decided: its order.created.v1 given up by inventory, or its stock.reserved.v1 or stock.rejected.v1 by order. An order whose
// dead letter is redriven and then confirmed counts as confirmed in the accounts. [Config.OnEnd] is called for the first end
// only, the dead letter.
//
// # What is duplicated
//
//   - Two events that finish one order and have different ids, except a confirmation and a cancellation: a confirmed
//     order may be cancelled, and two relays may publish the two in either order. The same id again is allowed: a replay of
//     the outbox adds it.
//   - A confirmed order for which other units were reserved than it has, or a rejected one for which any were. Each
//     reservation counts once by its event's id.
//
// # What is lost, and what is unfinished
//
// An order without an end is lost if nothing waits in Redis and nothing has moved for [Config.LostAfter]; otherwise it
// is unfinished. Outboxes are not visible from here: if a service stays away for longer, orders in its outbox count as lost,
// and the example says that they were never published.
package follow

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"example.com/clew/loadtest/internal/result"
)

// How an order ends.
const (
	Confirmed    = "confirmed"
	Rejected     = "rejected"
	Cancelled    = "cancelled"
	DeadLettered = "dead_lettered"
	Unfinished   = "unfinished"
	Lost         = "lost"
)

// Order is an accepted order, as the generator saw it.
type Order struct {
	ID, SKU, TraceID string
	Units            int64 // of all its items
	Due              time.Time
	DueToSent, HTTP  time.Duration
}

// End is the end of an order.
type End struct {
	Order
	Status string
	At     time.Time // when its event was added to the stream, to the millisecond, by this machine's clock
}

// Config configures a Follower.
type Config struct {
	// Redis is not closed by the follower. Each partition holds one of its connections all the time, and the samples take two
	// more. The client should not repeat commands, or it reports late that Redis is away.
	Redis      redis.UniversalClient
	Partitions int // 1 or more, as many as the services have

	// Pings is for load of test.ping.v1. Entries are counted but not read, because reading costs as much as adding; there are
	// no orders and no ends.
	Pings bool

	// LostAfter is how long nothing must have moved, with nothing waiting in Redis, until orders without an end count as lost.
	// The default is 15 s: an outbox is published within a second, or after a lease of 10 s if its relay died.
	LostAfter time.Duration

	// OnEnd is called once for each order that ends while it is followed, and by Account for the others. It must be quick and
	// safe for concurrent use: it is called while events are read, or by Accepted if they were read before.
	OnEnd func(End)
}

// Follower follows orders. Its methods may be called concurrently, except that Run is called once, and then Account once.
type Follower struct {
	config Config
	ledger *ledger
	parts  []*partition
	before int64 // entries that orders had when the follower was made

	mu          sync.Mutex
	newest      Levels
	sampleErr   error
	busy        time.Time // when something waited, or it was not known whether
	deadLetters map[string]int
}

// New returns a follower of entries that are added from now on, also before Run. It fails if Redis cannot be reached, or lacks
// the streams and groups that Clew's services make when they start.
func New(ctx context.Context, config Config) (*Follower, error) {
	if config.LostAfter == 0 {
		config.LostAfter = 15 * time.Second
	}
	f := &Follower{config: config, ledger: newLedger(config.OnEnd), busy: time.Now(), deadLetters: map[string]int{}}
	for number := range config.Partitions {
		p, err := f.stand(ctx, number)
		if err != nil {
			return nil, err
		}
		f.parts = append(f.parts, p)
	}
	s, err := f.measure(ctx)
	if err != nil {
		return nil, err
	}
	f.before = s.Added
	return f, nil
}

// Accepted adds an accepted order; a second time changes nothing. It may be called after the order's events, but not more than a
// minute after: events of unknown orders are forgotten.
func (f *Follower) Accepted(order Order) { f.ledger.accept(order) }

// Run follows until ctx ends, and then returns nil within a quarter of a second. While Redis is away it tries again, and Levels
// has the error.
func (f *Follower) Run(ctx context.Context) error {
	running, ctx := errgroup.WithContext(ctx)
	for _, p := range f.parts {
		running.Go(func() error { return f.follow(ctx, p) })
	}
	running.Go(func() error { return f.sample(ctx) })
	return running.Wait()
}

// Idle reports whether the system has come to rest, in a sample that was begun after since: no lag, nothing pending, and either
// all orders have ended or nothing has moved for LostAfter. since is the time of the last answer.
func (f *Follower) Idle(since time.Time) bool {
	s := f.Levels()
	if s.Err != nil || !s.At.After(since) || s.LagMessages > 0 || s.Pending > 0 {
		return false
	}
	return s.Outstanding == 0 || f.quiet()
}

// quiet reports whether nothing has waited and nothing has moved for LostAfter.
func (f *Follower) quiet() bool {
	_, moved := f.ledger.outstanding()
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.busy) >= f.config.LostAfter && time.Since(moved) >= f.config.LostAfter
}

// Account fills in the accounts of the accepted orders: Confirmed, Rejected, Cancelled, DeadLettered, Unfinished, Lost,
// Duplicated, Unexpected and Examples. For pings it fills in DeadLettered, since New, and Unfinished, those that still wait.
//
// Call it after Run has returned; it first reads the entries added since. If Redis fails, it returns the error, but fills in
// everything that it knows; orders without an end count as unfinished then.
func (f *Follower) Account(ctx context.Context, totals *result.Totals) error {
	err := f.catchUp(ctx)
	s, sampleErr := f.takeSample(ctx)
	if err = cmp.Or(err, sampleErr); err != nil {
		err = fmt.Errorf("account for what was accepted: %w", err)
	}
	if f.config.Pings {
		totals.DeadLettered = f.Levels().DeadLetters
		totals.Unfinished = s.LagMessages + s.Pending
		return err
	}
	status := Unfinished
	if err == nil && f.Idle(time.Time{}) {
		status = Lost
	}
	f.ledger.account(status, totals)
	return err
}
