package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"example.com/clew/services/messaging"
)

// A loop of orders is closed: so many customers place one order after the other. How many orders are accepted and not
// finished is bounded, so that they finish in time; that is the highest rate that the objective allows.
const (
	connections      = 16
	unfinishedOrders = 512
	loadSKUs         = 200 // load-001 to load-200

	objectiveTime, objectiveShare = 5 * time.Second, 0.995
	drainTimeout                  = 20 * time.Second
)

// skuOf is what a customer orders as its nth: all that can be had, and none what another orders at that time.
func skuOf(customer, n int) string {
	return fmt.Sprintf("load-%03d", 1+(customer*loadSKUs/connections+n)%loadSKUs)
}

// nothingRecorded is the environment in which services neither make nor send traces and logs.
var nothingRecorded = []string{"OTEL_TRACES_EXPORTER=none", "OTEL_LOGS_EXPORTER=none", "OTEL_TRACES_SAMPLER=always_off"}

// orders measures the processes of `make up` under a load of orders, with their defaults unless environment says else:
// everything is sampled and sent to the viewer.
func orders(k kind, environment ...string) measureFunc {
	return func(ctx context.Context, b *bench) (r result, err error) {
		databases, err := b.emptyDatabases(ctx, k, fmt.Sprintf("%s%d", b.row, b.round))
		if err != nil {
			return r, err
		}
		s, err := b.startStack(ctx, append(databases.environment(), environment...)...)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		load, err := newLoad(s, b.sizes)
		if err != nil {
			return r, err
		}
		profiles := b.profileServices(ctx, s)
		if err := errors.Join(load.run(ctx), profiles()); err != nil {
			return r, err
		}
		r = load.result()
		if r.Exported, r.Dropped, err = s.spans(ctx); err != nil {
			return r, err
		}
		return r, errors.Join(load.check(), s.unharmed())
	}
}

// A load places orders and follows what becomes of them.
type load struct {
	url    string
	http   *http.Client
	redis  redis.UniversalClient
	orders string // the stream's key
	slots  chan struct{}
	count  counter

	mu       sync.Mutex
	answered map[string]time.Time // by order that is not finished
	finished map[string]time.Time // by order whose answer is not read yet
	accepted int
	good     int // finished in time
}

func newLoad(s *stack, sizes sizes) (*load, error) {
	client, err := messaging.Connect(s.Redis.URL)
	if err != nil {
		return nil, err
	}
	from := time.Now().Add(sizes.warmUp)
	return &load{
		url: s.Addresses.Order + "/orders", redis: client, orders: messaging.StreamKey("orders", 0),
		http:     &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}},
		slots:    make(chan struct{}, unfinishedOrders),
		answered: map[string]time.Time{}, finished: map[string]time.Time{},
		count: counter{from: from, until: from.Add(sizes.orders)},
	}, nil
}

// run places orders until the time is over, and returns when all are finished.
func (l *load) run(ctx context.Context) error {
	defer l.http.CloseIdleConnections()
	defer l.redis.Close()
	following, followed := context.WithCancel(ctx)
	defer followed()
	follower, following := errgroup.WithContext(following)
	follower.Go(func() error { return l.follow(following) })

	customers, placing := errgroup.WithContext(following)
	for i := range connections {
		customers.Go(func() error { return l.customer(placing, i) })
	}
	if err := customers.Wait(); err != nil {
		followed()
		return errors.Join(err, follower.Wait())
	}
	late := time.After(drainTimeout)
	for range cap(l.slots) { // all are free as soon as all orders are finished
		select {
		case l.slots <- struct{}{}:
		case <-following.Done():
			return errors.Join(ctx.Err(), follower.Wait())
		case <-late:
			followed()
			err := follower.Wait()
			return errors.Join(fmt.Errorf("%d accepted orders are not finished after %s", len(l.answered), drainTimeout), err)
		}
	}
	followed()
	return follower.Wait()
}

// customer places one order after the other.
func (l *load) customer(ctx context.Context, i int) error {
	over := time.After(time.Until(l.count.until))
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-over:
			return nil
		case l.slots <- struct{}{}:
		}
		if err := l.place(ctx, skuOf(i, n)); err != nil {
			return fmt.Errorf("POST /orders: %w", err)
		}
	}
}

func (l *load) place(ctx context.Context, sku string) error {
	body := fmt.Appendf(nil, `{"customer_id":"bench","items":[{"sku":%q,"quantity":1,"unit_price_cents":1999}]}`, sku)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := l.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var order struct{ ID string }
	if response.StatusCode != http.StatusCreated || json.Unmarshal(answer, &order) != nil {
		return fmt.Errorf("%s: %s", response.Status, answer)
	}
	l.note(order.ID, time.Now(), l.answered, l.finished)
	return nil
}

// follow reads what the order service tells, until ctx ends.
func (l *load) follow(ctx context.Context) error {
	for from := "0"; ctx.Err() == nil; {
		streams, err := l.redis.XRead(ctx, &redis.XReadArgs{
			Streams: []string{l.orders, from}, Count: 1000, Block: 100 * time.Millisecond,
		}).Result()
		if errors.Is(err, redis.Nil) || ctx.Err() != nil {
			continue
		}
		if err != nil {
			return fmt.Errorf("follow orders: %w", err)
		}
		now := time.Now()
		for _, entry := range streams[0].Messages {
			from = entry.ID
			switch entry.Values["type"] {
			case "order.confirmed.v1":
				l.count.add(now)
				l.note(entry.Values["subject"].(string), now, l.finished, l.answered)
			case "order.rejected.v1":
				return fmt.Errorf("order %s was rejected, which none should be", entry.Values["subject"])
			}
		}
	}
	return nil
}

// note notes one end of an order. If the other is known already, the order is done with.
func (l *load) note(id string, now time.Time, mine, others map[string]time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	other, known := others[id]
	if !known {
		mine[id] = now
		return
	}
	delete(others, id)
	l.accepted++
	if now.Sub(other).Abs() <= objectiveTime {
		l.good++
	}
	<-l.slots
}

func (l *load) result() result {
	return result{Value: l.count.perSecond(), Allocs: unknown, Extras: map[string]float64{
		"% of orders finished within 5 s": 100 * float64(l.good) / float64(l.accepted),
	}}
}

// check fails if the rate is not one that the objective allows, or something was counted twice.
func (l *load) check() error {
	if l.accepted == 0 || float64(l.good) < objectiveShare*float64(l.accepted) {
		return fmt.Errorf("the objective is missed: %d of %d orders were finished within %s", l.good, l.accepted, objectiveTime)
	}
	if len(l.finished) > 0 {
		return fmt.Errorf("%d orders are told of twice", len(l.finished))
	}
	return nil
}

// A counter counts, and tells how many a second came between two moments.
type counter struct {
	from, until time.Time
	all, inside atomic.Int64
}

func (c *counter) add(now time.Time) {
	c.all.Add(1)
	if now.After(c.from) && now.Before(c.until) {
		c.inside.Add(1)
	}
}

func (c *counter) perSecond() float64 {
	return float64(c.inside.Load()) / c.until.Sub(c.from).Seconds()
}
