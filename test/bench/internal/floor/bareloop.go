// Package floor has what the ratios of bench divide by: the same work as a row's, done bare, with nothing of ours around it.
package floor

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
	"example.com/clew/test/bench/internal/work"
)

// The bare loop is the floor of orders: the services' statements in the services' transactions, as many at once, and
// no HTTP, Redis, GORM or telemetry. What a service would get from a stream it gets from a channel.
//
//	customer ▶ place ▶ relay ▶ reserve ▶ relay ▶ decide ▶ relay ▶ finished
//
// A bareLoop is the two services of it.
type bareLoop struct {
	order, inventory   *bareService
	slots              chan struct{} // one taken for each order that is not finished
	toReserve, decided chan bareMessage
	count              work.Counter
}

// Orders runs the bare loop, as fast as it goes.
func Orders(ctx context.Context, j child.Job) (report.Result, error) {
	order, err := openBare(j.Databases.Order)
	if err != nil {
		return report.Result{}, err
	}
	defer order.db.Close()
	inventory, err := openBare(j.Databases.Inventory)
	if err != nil {
		return report.Result{}, err
	}
	defer inventory.db.Close()
	l := &bareLoop{
		order: order, inventory: inventory, slots: make(chan struct{}, work.UnfinishedOrders),
		toReserve: make(chan bareMessage, work.UnfinishedOrders), decided: make(chan bareMessage, work.UnfinishedOrders),
	}
	m, err := child.StartMeter(j.Profile)
	if err != nil {
		return report.Result{}, err
	}
	l.count.From = m.Started.Add(j.WarmUp)
	l.count.Until = l.count.From.Add(j.Duration)
	if err := l.run(ctx); err != nil {
		return report.Result{}, err
	}
	m.Stop(1)
	if err := l.check(ctx); err != nil {
		return report.Result{}, err
	}
	return report.Result{Value: l.count.PerSecond(), Allocs: report.Unknown, Exported: report.Unknown, Dropped: report.Unknown}, nil
}

// check makes sure that the databases have what was counted, and one order from when they were prepared.
func (l *bareLoop) check(ctx context.Context) error {
	for query, db := range map[string]*sql.DB{
		"SELECT COUNT(*) FROM orders WHERE status = 'confirmed'": l.order.db,
		"SELECT CAST(SUM(reserved) AS BIGINT) FROM stock":        l.inventory.db,
	} {
		var n int64
		if err := db.QueryRowContext(ctx, query).Scan(&n); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
		if n != l.count.All.Load()+1 {
			return fmt.Errorf("%s is %d, expected %d", query, n, l.count.All.Load()+1)
		}
	}
	return nil
}

// run places orders until the time is over, and returns when all are finished.
func (l *bareLoop) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	placing, placed := context.WithDeadline(ctx, l.count.Until)
	defer placed()
	working, worked := context.WithCancel(ctx)
	defer worked()

	var customers sync.WaitGroup
	for i := range work.Connections {
		customers.Add(1)
		group.Go(func() error {
			defer customers.Done()
			return l.customer(ctx, placing, i)
		})
	}
	for range workers {
		group.Go(func() error {
			return handleAll(working, l.toReserve, func(m bareMessage) error { return l.reserve(ctx, m) })
		})
		group.Go(func() error {
			return handleAll(working, l.decided, func(m bareMessage) error { return l.decide(ctx, m) })
		})
	}
	group.Go(func() error {
		return l.order.relay(working, func(m bareMessage) {
			if m.eventType == "order.created.v1" {
				l.toReserve <- m
				return
			}
			l.count.Add(time.Now())
			<-l.slots
		})
	})
	group.Go(func() error {
		return l.inventory.relay(working, func(m bareMessage) { l.decided <- m })
	})
	group.Go(func() error {
		customers.Wait()
		for range cap(l.slots) { // all are free as soon as all orders are finished
			select {
			case l.slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		worked()
		return nil
	})
	return group.Wait()
}

func handleAll(ctx context.Context, messages <-chan bareMessage, handle func(bareMessage) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-messages:
			if err := handle(m); err != nil {
				return err
			}
		}
	}
}

// customer places one order after the other, until placing ends.
func (l *bareLoop) customer(ctx, placing context.Context, i int) error {
	for n := 0; ; n++ {
		select {
		case <-placing.Done():
			return nil
		case l.slots <- struct{}{}:
		}
		if err := l.place(ctx, work.SKUOf(i, n)); err != nil {
			return err
		}
	}
}

const (
	traceID     = "68a8a86da3ce8fcfd565f85997042777"
	traceparent = "00-" + traceID + "-369de4061ebcd5a0-01"
)

func (l *bareLoop) place(ctx context.Context, sku string) error {
	id, now := newID(), time.Now().UnixMicro()
	return l.order.transaction(ctx, func(do func(string, ...any)) {
		do(insertOrder, id, "bench", "pending", "", "EUR", 1999, traceID, now)
		do(insertItem, id, 0, sku, 1, 1999)
		leave(do, "orders", "/order", "order.created.v1", id, "", `{"order_id":"`+id+`","customer_id":"bench",`+
			`"currency":"EUR","total_cents":1999,"items":[{"sku":"`+sku+`","quantity":1,"unit_price_cents":1999}]}`)
	})
}

func (l *bareLoop) reserve(ctx context.Context, m bareMessage) error {
	return l.inventory.transaction(ctx, func(do func(string, ...any)) {
		do(noteEvent, "inventory", m.id, time.Now().UnixMicro())
		do(lockStock, m.sku)
		do(insertReservation, m.orderID, "reserved", "")
		do(insertLine, m.orderID, m.sku, 1)
		do(takeStock, m.orderID)
		leave(do, "stock", "/inventory", "stock.reserved.v1", m.orderID, m.id,
			`{"order_id":"`+m.orderID+`","items":[{"sku":"`+m.sku+`","quantity":1}]}`)
	})
}

func (l *bareLoop) decide(ctx context.Context, m bareMessage) error {
	return l.order.transaction(ctx, func(do func(string, ...any)) {
		do(noteEvent, "order", m.id, time.Now().UnixMicro())
		now := time.Now()
		do(decideOrder, "confirmed", "", now.UnixMicro(), now.Add(-work.ObjectiveTime).UnixMicro(), "good", m.orderID, "pending")
		leave(do, "orders", "/order", "order.confirmed.v1", m.orderID, m.id, `{"order_id":"`+m.orderID+`"}`)
	})
}

// leave writes a message to the outbox.
func leave(do func(string, ...any), stream, source, eventType, orderID, cause, data string) {
	do(insertMessage, newID(), stream, source, eventType, orderID, time.Now().UnixMicro(), data,
		traceparent, "", "", cause, 0, 0, 0, 0, "", 0)
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
