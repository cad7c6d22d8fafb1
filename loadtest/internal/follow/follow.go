// Package follow follows every accepted order to its end, by reading the streams on which the services tell what became
// of it, measures meanwhile how much waits in Redis, and accounts at the end: what is lost, duplicated, or ended
// otherwise than its SKU implies.
//
// The files in the order of the data:
//
//	follow.go   a [Follower], its beginning and its end
//	read.go     entries of the streams become events
//	ledger.go   events and accepted orders meet, in whichever order they come
//	judge.go    what an order that has ended counts as
//	levels.go   lag, pending and dead letters, every 250 ms
//
// # When an order ends
//
// With the first of order.confirmed.v1, order.rejected.v1 and order.cancelled.v1, or with a dead letter of what it
// cannot be decided without: its order.created.v1 given up by inventory, its stock.reserved.v1 or stock.rejected.v1 by
// order. A dead letter that is redriven and then confirmed counts as confirmed in the accounts, and as the dead letter
// that it was for the one who waited: [Config.OnEnd] is told of the first end only.
//
// # What is duplicated
//
//   - Two events that finish one order and have different ids, except a confirmation and a cancellation: a confirmed
//     order may be cancelled, and two relays may publish the two in either order. The same id again is legitimate, which
//     is all that a replay of the outbox adds.
//   - A confirmed order for which other units were reserved than it has, or a rejected one for which any were. Each
//     reservation counts once by its event's id.
//
// # What is lost, and what is unfinished
//
// An order without an end is lost if nothing waits in Redis and nothing has moved for [Config.LostAfter]; otherwise it
// is unfinished. An outbox cannot be seen from here: what waits in one whose service stays away for longer counts as
// lost, and the example says that it was never published.
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

// Config says what is followed.
type Config struct {
	// Redis is not closed by the follower. Each partition holds one of its connections all the time, and the samples
	// take two more. A client that repeats commands says late that Redis is away.
	Redis      redis.UniversalClient
	Partitions int // 1 or more, as many as the services have

	// Pings: the load is test.ping.v1. Entries are counted and not read, because reading them costs what adding them
	// does; there are no orders, and no ends.
	Pings bool

	// LostAfter is how long nothing must have moved, with nothing waiting in Redis, until what has no end is lost. The
	// default is 15 s: an outbox is published within a second, or after a lease of 10 s if its relay died.
	LostAfter time.Duration

	// OnEnd is called once for each order that ends while it is followed, and by Account for the others. It must be
	// quick, and bear calls at the same time: it runs where events are read, or in Accepted if they were read before.
	OnEnd func(End)
}

// Follower follows orders. Its methods may be called at any time by anybody, but Run once, and Account once after it.
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

// New returns a follower of what is added from now on: what comes between New and Run is not missed. It fails if Redis
// cannot be reached, or has not the streams and groups that Clew's services make when they start.
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

// Accepted hands over an order that was accepted; a second time changes nothing. It may come after the order's events,
// but not more than a minute after: they are forgotten then, with those of other people's orders.
func (f *Follower) Accepted(order Order) { f.ledger.accept(order) }

// Run follows until ctx ends, and then returns nil, within a quarter of a second. While Redis is away it tries again,
// and Levels says so.
func (f *Follower) Run(ctx context.Context) error {
	running, ctx := errgroup.WithContext(ctx)
	for _, p := range f.parts {
		running.Go(func() error { return f.follow(ctx, p) })
	}
	running.Go(func() error { return f.sample(ctx) })
	return running.Wait()
}

// Idle tells, from a sample that was begun after since, whether the system has come to rest: no lag, nothing pending,
// and either each order has ended or nothing has moved for LostAfter. The caller passes when the last arrival was
// answered.
func (f *Follower) Idle(since time.Time) bool {
	s := f.Levels()
	if s.Err != nil || !s.At.After(since) || s.LagMessages > 0 || s.Pending > 0 {
		return false
	}
	return s.Outstanding == 0 || f.quiet()
}

// quiet tells whether nothing has waited and nothing moved for LostAfter.
func (f *Follower) quiet() bool {
	_, moved := f.ledger.outstanding()
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.busy) >= f.config.LostAfter && time.Since(moved) >= f.config.LostAfter
}

// Account fills in what became of the accepted orders: Confirmed, Rejected, Cancelled, DeadLettered, Unfinished, Lost,
// Duplicated, Unexpected and Examples. Of pings it fills in DeadLettered, since New, and as Unfinished what still waits.
//
// It is called once Run has returned, and reads first what was added since. The error is that of asking Redis: what is
// known is filled in all the same, and what has no end counts as unfinished.
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
