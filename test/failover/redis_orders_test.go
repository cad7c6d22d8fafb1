package failover

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/clew/clew/orderapi"
	"example.com/clew/clew/processtest"
	"example.com/clew/services/messaging"
	"example.com/clew/test/internal/clewtest"
)

const (
	rate       = 100 // orders a second
	partitions = 8
)

// orders are placed all the time, and watched.
type orders struct {
	t    *testing.T
	clew *clewtest.Clew
	stop func() // placing

	mu       sync.Mutex
	accepted map[string]time.Time // by id, when
	finished map[string]time.Time // when it was first seen not to be pending
	refused  []error
}

// placeOrders starts Clew with these variables, and places orders of one unit until the end of the test.
func placeOrders(t *testing.T, env ...string) *orders {
	t.Helper()
	clew := binaries.Start(t, append(env, fmt.Sprint("CLEW_PARTITIONS=", partitions),
		"OTEL_TRACES_SAMPLER=always_off", "OTEL_LOGS_EXPORTER=none")...)
	o := &orders{t: t, clew: clew, accepted: map[string]time.Time{}, finished: map[string]time.Time{}}
	placing, stop := context.WithCancel(t.Context())
	watching, stopWatching := context.WithCancel(t.Context())
	var loops sync.WaitGroup
	o.stop = stop
	loops.Go(func() { o.place(placing) })
	loops.Go(func() { o.watch(watching) })
	t.Cleanup(func() {
		stop()
		stopWatching()
		loops.Wait()
	})
	o.eventually("orders are confirmed in each partition", func() error {
		for p := range partitions {
			if o.confirmations(p) == 0 {
				return fmt.Errorf("none in partition %d", p)
			}
		}
		return nil
	})
	return o
}

// place places orders at the rate, whether or not earlier ones are answered.
func (o *orders) place(ctx context.Context) {
	api, waiting := orderapi.New(o.clew.Addresses.Order), sync.WaitGroup{}
	defer waiting.Wait()
	due := time.NewTicker(time.Second / rate)
	defer due.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
		}
		waiting.Go(func() {
			placed, err := api.Place(context.WithoutCancel(ctx), orderapi.Request{
				CustomerID: "failover", Items: []orderapi.Item{{SKU: fmt.Sprintf("load-%03d", 1+n%200), Quantity: 1, UnitPriceCents: 100}},
			})
			o.mu.Lock()
			defer o.mu.Unlock()
			if err != nil { // the database may be slow on a busy machine
				o.refused = append(o.refused, err)
				return
			}
			o.accepted[placed.ID] = time.Now()
		})
	}
}

// watch asks again and again which orders are pending.
func (o *orders) watch(ctx context.Context) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		asked := time.Now()
		if pending, err := o.pending(ctx); err == nil {
			o.mu.Lock()
			for id, accepted := range o.accepted {
				if _, before := o.finished[id]; !before && !pending[id] && accepted.Before(asked) {
					o.finished[id] = asked
				}
			}
			o.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// pending returns the ids of the pending orders.
func (o *orders) pending(ctx context.Context) (map[string]bool, error) {
	ids := map[string]bool{}
	err := pages(ctx, o.clew.Addresses.Order+"/orders?status=pending", func(order struct{ ID string }) { ids[order.ID] = true })
	return ids, err
}

// pages reads a list to its end.
func pages[T any](ctx context.Context, list string, each func(T)) error {
	for after := ""; ; {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, list+"&limit=200&after="+url.QueryEscape(after), nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		var page struct {
			Items []T
			Next  string
		}
		err = json.NewDecoder(response.Body).Decode(&page)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s was answered %s: %w", list, response.Status, err)
		}
		for _, item := range page.Items {
			each(item)
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}

func (o *orders) eventually(what string, ask func() error) {
	o.t.Helper()
	processtest.Eventually(o.t, what, ask)
}

// confirmations returns how many orders of a partition were seen to be finished.
func (o *orders) confirmations(partition int) int { return len(o.when(partition)) }

// when returns the times at which orders of partitions were seen to be finished, in order.
func (o *orders) when(of ...int) (times []time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, at := range o.finished {
		if slices.Contains(of, messaging.PartitionOf(id, partitions)) {
			times = append(times, at)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// goesOn waits until partitions confirm orders that are accepted from now on.
func (o *orders) goesOn(of ...int) {
	o.t.Helper()
	now := time.Now()
	for _, partition := range of {
		o.eventually(fmt.Sprintf("new orders are confirmed in partition %d", partition), func() error {
			o.mu.Lock()
			defer o.mu.Unlock()
			for id := range o.finished {
				if messaging.PartitionOf(id, partitions) == partition && o.accepted[id].After(now) {
					return nil
				}
			}
			return fmt.Errorf("none")
		})
	}
}

// silence returns the longest time from since to now in which no order of any of these partitions was confirmed.
func (o *orders) silence(since time.Time, of ...int) (longest time.Duration) {
	before := since
	for _, at := range append(o.when(of...), time.Now()) {
		if at.After(since) {
			longest = max(longest, at.Sub(before))
			before = at
		}
	}
	return longest.Round(10 * time.Millisecond)
}

func all() (numbers []int) {
	for p := range partitions {
		numbers = append(numbers, p)
	}
	return numbers
}

// unfinished returns how many accepted orders are pending.
func (o *orders) unfinished() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.accepted) - len(o.finished)
}

// balance ends the placing. It fails unless each accepted order is confirmed, each confirmed order has its unit reserved once, and
// no message was dead-lettered.
func (o *orders) balance() {
	o.t.Helper()
	o.stop()
	o.eventually("no order is pending", func() error {
		return processtest.Unless(o.unfinished() == 0, "%d of %d are", o.unfinished(), len(o.accepted))
	})
	confirmed, reserved := map[string]bool{}, 0
	if err := pages(o.t.Context(), o.clew.Addresses.Order+"/orders?status=confirmed", func(order struct{ ID string }) {
		confirmed[order.ID] = true
	}); err != nil {
		o.t.Fatal(err)
	}
	if err := pages(o.t.Context(), o.clew.Addresses.Inventory+"/stock?", func(item struct{ Reserved int }) { reserved += item.Reserved }); err != nil {
		o.t.Fatal(err)
	}
	for id := range o.accepted {
		if !confirmed[id] {
			o.t.Errorf("the order %s was accepted and is not confirmed", id)
		}
	}
	if len(confirmed) != reserved {
		o.t.Errorf("%d orders of one unit are confirmed, and %d units reserved", len(confirmed), reserved)
	}
	if dead := o.clew.Run("dlq", "list", "--json"); dead != "[]\n" {
		o.t.Errorf("the dead letters are %s", dead)
	}
	o.t.Logf("%d orders accepted, each confirmed once", len(o.accepted))
	if len(o.refused) > 0 {
		o.t.Logf("%d were refused, the first with: %v", len(o.refused), o.refused[0])
	}
}
