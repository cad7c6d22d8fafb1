package follow

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/loadtest/internal/result"
)

// confirm tells a ledger all of an order that is confirmed.
func confirm(l *ledger, id string, at time.Time) {
	l.note(event{kind: published, order: id, id: id + "p", at: at})
	l.note(event{kind: reserved, order: id, id: id + "r", units: 1, at: at})
	l.note(event{kind: confirmed, order: id, id: id + "c", at: at})
}

func accounts(l *ledger) (totals result.Totals) {
	l.account(Lost, &totals)
	return totals
}

// Whether the services tell of an order first or the generator, and in which order they do, changes nothing.
func TestEveryOrderOfReading(t *testing.T) {
	steps := []func(*ledger){
		func(l *ledger) { l.accept(Order{ID: "o", SKU: "load-001", Units: 1}) },
		func(l *ledger) { l.note(event{kind: published, order: "o", id: "p"}) },
		func(l *ledger) { l.note(event{kind: reserved, order: "o", id: "r", units: 1}) },
		func(l *ledger) { l.note(event{kind: gaveUpOrder, order: "o", id: "p", reason: "exhausted"}) },
		func(l *ledger) { l.note(event{kind: confirmed, order: "o", id: "c"}) },
		func(l *ledger) { l.note(event{kind: confirmed, order: "o", id: "c"}) },
	}
	want := result.Totals{Confirmed: 1, Unexpected: 1, DeadLettered: map[string]int{}, Examples: []string{
		"unexpected: order o (load-001) was dead-lettered (exhausted), which its SKU does not imply"}}
	permute(len(steps), func(order []int) {
		ends := 0
		l := newLedger(func(End) { ends++ })
		for _, i := range order {
			steps[i](l)
		}
		if diff := cmp.Diff(want, accounts(l)); diff != "" || ends != 1 {
			t.Errorf("in the order %v: %d ends, accounts (-want +got):\n%s", order, ends, diff)
		}
	})
}

func permute(n int, each func([]int)) {
	var rest func(taken []int)
	rest = func(taken []int) {
		if len(taken) == n {
			each(taken)
			return
		}
	next:
		for i := range n {
			for _, j := range taken {
				if i == j {
					continue next
				}
			}
			rest(append(taken[:len(taken):len(taken)], i))
		}
	}
	rest(nil)
}

func TestAcceptedAndToldAtOnce(t *testing.T) {
	const orders = 2000
	var mu sync.Mutex
	ends := map[string]int{}
	l := newLedger(func(e End) {
		mu.Lock()
		defer mu.Unlock()
		ends[e.ID]++
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range orders {
			l.accept(Order{ID: strconv.Itoa(i), Units: 1})
		}
	})
	wg.Go(func() {
		for i := range orders {
			confirm(l, strconv.Itoa(i), time.Now())
		}
	})
	wg.Wait()
	if got := accounts(l); got.Confirmed != orders || got.Duplicated != 0 || len(ends) != orders {
		t.Errorf("%d ends, accounts %+v", len(ends), got)
	}
	for id, n := range ends {
		if n != 1 {
			t.Errorf("order %s ended %d times", id, n)
		}
	}
}

// A soak does not fill the memory, and orders that were forgotten are accounted.
func TestEndedOrdersAreForgottenInTheEnd(t *testing.T) {
	const orders = 3 * remembered
	l := newLedger(nil)
	at := time.Now()
	for i := range orders {
		id := strconv.Itoa(i)
		confirm(l, id, at)
		l.accept(Order{ID: id, Units: 1 + int64(i%2)})
		at = at.Add(time.Millisecond)
	}
	if len(l.orders) != remembered || len(l.strangers[0])+len(l.strangers[1]) > int(strangerFor/time.Millisecond) {
		t.Errorf("%d records and %d + %d strangers after %d orders", len(l.orders), len(l.strangers[0]), len(l.strangers[1]), orders)
	}
	if got := accounts(l); got.Confirmed != orders || got.Duplicated != orders/2 || len(got.Examples) != examplesOfEach {
		t.Errorf("accounts %+v, want all confirmed, and half with other units than reserved", got)
	}
}

func TestStrangersAreForgotten(t *testing.T) {
	l := newLedger(nil)
	start := time.Now()
	confirm(l, "theirs", start)
	confirm(l, "ours", start)
	l.accept(Order{ID: "ours", Units: 1})
	for i, after := range []time.Duration{strangerFor / 2, strangerFor} {
		confirm(l, fmt.Sprint("another ", i), start.Add(after))
	}
	if l.orders["theirs"] != nil || l.orders["ours"] == nil {
		t.Errorf("theirs %v, ours %v, want only ours", l.orders["theirs"], l.orders["ours"])
	}
}

func BenchmarkLedger(b *testing.B) {
	ids := make([]string, 2*remembered)
	for i := range ids {
		ids[i] = fmt.Sprintf("0199c0de-7a1b-7cde-8f01-%012x", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		heap := heapBytes()
		l := newLedger(nil)
		now := time.Now()
		for _, id := range ids {
			l.accept(Order{ID: string([]byte(id)), SKU: "load-001", TraceID: "x", Units: 1})
			confirm(l, id, now)
		}
		b.ReportMetric(float64(heapBytes()-heap)/remembered, "B/remembered")
		runtime.KeepAlive(l)
		heap = heapBytes()
		l = newLedger(nil)
		for _, id := range ids {
			l.accept(Order{ID: string([]byte(id)), SKU: "load-001", TraceID: "x", Units: 1})
		}
		b.ReportMetric(float64(heapBytes()-heap)/float64(len(ids)), "B/outstanding")
		runtime.KeepAlive(l)
	}
}

func heapBytes() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
