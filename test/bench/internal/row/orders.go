package row

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/floor"
	"example.com/clew/test/bench/internal/report"
	"example.com/clew/test/bench/internal/work"
)

// drainTimeout is how long accepted orders may take to be finished, once no more are placed.
const drainTimeout = 20 * time.Second

// nothingRecorded is the environment in which services neither make nor send traces and logs.
var nothingRecorded = []string{"OTEL_TRACES_EXPORTER=none", "OTEL_LOGS_EXPORTER=none", "OTEL_TRACES_SAMPLER=always_off"}

// orders measures the processes of `make up` under a load of orders, with their defaults unless environment says else:
// everything is sampled and sent to the viewer.
func orders(k floor.Kind, environment ...string) measureFunc {
	return replicatedOrders(k, 1, environment...)
}

// replicatedOrders is orders with so many replicas of inventory.
func replicatedOrders(k floor.Kind, replicas int, environment ...string) measureFunc {
	return func(ctx context.Context, b *Bench) (r report.Result, err error) {
		databases, err := b.emptyDatabases(ctx, k, fmt.Sprintf("%s%d", b.row, b.Round))
		if err != nil {
			return r, err
		}
		s, err := b.startReplicas(ctx, replicas, append(databases.Environment(), environment...)...)
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
	count  work.Counter

	mu       sync.Mutex
	answered map[string]time.Time // by order that is not finished
	finished map[string]time.Time // by order whose answer is not read yet
	accepted int
	good     int // finished in time
}

func newLoad(s *stack, sizes Sizes) (*load, error) {
	client, err := messaging.Connect(s.Redis)
	if err != nil {
		return nil, err
	}
	from := time.Now().Add(sizes.WarmUp)
	return &load{
		url: s.Addresses.Order + "/orders", redis: client, orders: messaging.StreamKey(contracts.Orders{}.Name(), 0),
		http:     &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: work.Connections}},
		slots:    make(chan struct{}, work.UnfinishedOrders),
		answered: map[string]time.Time{}, finished: map[string]time.Time{},
		count: work.Counter{From: from, Until: from.Add(sizes.Orders)},
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
	for i := range work.Connections {
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
	over := time.After(time.Until(l.count.Until))
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-over:
			return nil
		case l.slots <- struct{}{}:
		}
		if err := l.place(ctx, work.SKUOf(i, n)); err != nil {
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
				l.count.Add(now)
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
	if now.Sub(other).Abs() <= work.ObjectiveTime {
		l.good++
	}
	<-l.slots
}

func (l *load) result() report.Result {
	return report.Result{Value: l.count.PerSecond(), Allocs: report.Unknown, Extras: map[string]float64{
		"% of orders finished within 5 s": 100 * float64(l.good) / float64(l.accepted),
	}}
}

// check fails if the rate is not one that the objective allows, or something was counted twice.
func (l *load) check() error {
	if l.accepted == 0 || float64(l.good) < work.ObjectiveShare*float64(l.accepted) {
		return fmt.Errorf("the objective is missed: %d of %d orders were finished within %s", l.good, l.accepted, work.ObjectiveTime)
	}
	if len(l.finished) > 0 {
		return fmt.Errorf("%d orders are told of twice", len(l.finished))
	}
	return nil
}

// bareOrders measures the floor of orders, in a child.
func bareOrders(k floor.Kind) measureFunc {
	return func(ctx context.Context, b *Bench) (report.Result, error) {
		fresh, err := b.freshDatabases(ctx, k, fmt.Sprintf("bare%d", b.Round))
		if err != nil {
			return report.Result{}, err
		}
		return child.Run(ctx, child.Job{
			Role: "floor_orders", Databases: fresh, Profile: b.profileOf(b.row),
			WarmUp: b.sizes.WarmUp, Duration: b.sizes.Orders,
		})
	}
}
