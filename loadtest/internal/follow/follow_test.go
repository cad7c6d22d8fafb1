package follow_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/loadtest/internal/follow"
	"example.com/clew/loadtest/internal/result"
)

// lostAfter is as short as a test wants it, and so long that a sample lies within it.
const lostAfter = 400 * time.Millisecond

// A run is a follower that runs.
type run struct {
	*follow.Follower
	system
	cancel, end func() // end waits

	mu   sync.Mutex
	ends []string // what was told of the ends, one order after the other
}

func start(s system, config follow.Config) *run {
	s.t.Helper()
	r := &run{system: s}
	config.Redis, config.Partitions = s.Client, s.partitions
	config.OnEnd = func(e follow.End) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ends = append(r.ends, e.Status)
	}
	var err error
	if r.Follower, err = follow.New(s.t.Context(), config); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	r.cancel = cancel
	r.end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	})
	s.t.Cleanup(r.end)
	return r
}

// account waits until nothing waits, ends the run and returns the accounts and the ends.
func (r *run) account() (result.Totals, []string) {
	r.t.Helper()
	r.rest(time.Now())
	return r.accountAsItIs()
}

func (r *run) rest(since time.Time) {
	r.t.Helper()
	eventually(r.t, "idle", func() error {
		if !r.Idle(since) {
			return fmt.Errorf("%+v", r.Levels())
		}
		return nil
	})
}

func (r *run) accountAsItIs() (totals result.Totals, ends []string) {
	r.t.Helper()
	r.end()
	if err := r.Account(r.t.Context(), &totals); err != nil {
		r.t.Error(err)
	}
	return totals, r.ends
}

// readEverything returns when the runs have read all that was added. It adds a listener's dead letter to each partition, twice:
// when the second is read, everything is that came with the first or before.
func (s system) readEverything(runs ...*run) {
	s.t.Helper()
	for mark := range 2 {
		for p := range s.partitions {
			s.do("XADD", key("orders", p)+":dlq", "*", "type", "order.created.v1", "dlqgroup", "listener", "dlqreason", "mark")
		}
		for _, r := range runs {
			eventually(s.t, "everything is read", func() error {
				if n := r.Levels().DeadLetters["mark"]; n != (mark+1)*s.partitions {
					return fmt.Errorf("%d marks", n)
				}
				return nil
			})
		}
	}
}

func order(id, sku string) follow.Order {
	return follow.Order{ID: id, SKU: sku, TraceID: "afaa", Units: 3, Due: time.Now()}
}

func TestWhatBecomesOfAnOrder(t *testing.T) {
	done := []entry{created(), reserved("r", 3), confirmed("c")}
	died := func(reason string) []entry { return []entry{created(), created().dead("inventory", reason)} }
	dead := func(reason string, n int) map[string]int { return map[string]int{reason: n} }
	and := func(entries []entry, more ...entry) []entry {
		return append(entries[:len(entries):len(entries)], more...)
	}
	type totals = result.Totals

	tests := map[string]struct {
		sku     string
		told    []entry
		want    totals
		ends    string
		example string // with ORDER for its id and name
	}{
		"confirmed":                        {"load-001", done, totals{Confirmed: 1}, "confirmed", ""},
		"rejected":                         {"lamp", []entry{created(), rejected("c")}, totals{Rejected: 1}, "rejected", ""},
		"rejected, as the SKU implies":     {"test-out-of-stock", []entry{created(), rejected("c")}, totals{Rejected: 1}, "rejected", ""},
		"cancelled":                        {"load-001", []entry{created(), cancelled("x")}, totals{Cancelled: 1}, "cancelled", ""},
		"cancelled after it was reserved":  {"load-001", []entry{created(), reserved("r", 3), cancelled("x")}, totals{Cancelled: 1}, "cancelled", ""},
		"cancelled after it was confirmed": {"load-001", and(done, cancelled("x")), totals{Confirmed: 1}, "confirmed", ""},
		"cancelled after it was confirmed, published in the other order": {"load-001",
			[]entry{created(), reserved("r", 3), cancelled("x"), confirmed("c")}, totals{Cancelled: 1}, "cancelled", ""},
		"the reservation is read last": {"load-001", []entry{created(), confirmed("c"), reserved("r", 3)}, totals{Confirmed: 1}, "confirmed", ""},

		"a permanent dead letter":  {"test-invalid", died("permanent"), totals{DeadLettered: dead("permanent", 1)}, "dead_lettered", ""},
		"an exhausted dead letter": {"test-poison", died("exhausted"), totals{DeadLettered: dead("exhausted", 1)}, "dead_lettered", ""},
		"a crash loop":             {"test-crash-loop", died("exhausted"), totals{DeadLettered: dead("exhausted", 1)}, "dead_lettered", ""},
		"redriven and given up again": {"test-poison", and(died("exhausted"), created().redriven(), created().dead("inventory", "exhausted")),
			totals{DeadLettered: dead("exhausted", 1)}, "dead_lettered", ""},
		"redriven and confirmed": {"test-poison", and(died("exhausted"), created().redriven(), reserved("r", 3), confirmed("c")),
			totals{Confirmed: 1}, "dead_lettered", ""},
		"the answer is given up": {"load-001", []entry{created(), reserved("r", 3), reserved("r", 3).dead("order", "exhausted")},
			totals{DeadLettered: dead("exhausted", 1), Unexpected: 1}, "dead_lettered",
			"unexpected: ORDER was dead-lettered (exhausted), which its SKU does not imply"},
		"a listener gives up": {"load-001", and(done, created().dead("mail", "exhausted")), totals{Confirmed: 1}, "confirmed", ""},

		"a dead letter that its SKU does not imply": {"load-001", died("exhausted"),
			totals{DeadLettered: dead("exhausted", 1), Unexpected: 1}, "dead_lettered",
			"unexpected: ORDER was dead-lettered (exhausted), which its SKU does not imply"},
		"a dead letter for another reason": {"test-invalid", died("undecodable"),
			totals{DeadLettered: dead("undecodable", 1), Unexpected: 1}, "dead_lettered",
			"unexpected: ORDER was dead-lettered (undecodable), which its SKU does not imply"},
		"no dead letter where its SKU implies one": {"test-invalid", done, totals{Confirmed: 1, Unexpected: 1}, "confirmed",
			"unexpected: ORDER was confirmed, expected a dead letter (permanent)"},
		"no rejection where its SKU implies one": {"test-out-of-stock", done, totals{Confirmed: 1, Unexpected: 1}, "confirmed",
			"unexpected: ORDER was confirmed, expected a rejection"},
		"the cancellation of a confirmed order is given up": {"load-001",
			and(done, cancelled("x"), cancelled("x").dead("inventory", "exhausted")),
			totals{Confirmed: 1, Unexpected: 1}, "confirmed",
			"unexpected: ORDER was dead-lettered (exhausted), which its SKU does not imply"},

		"everything is delivered twice": {"load-001", and(done, done...), totals{Confirmed: 1}, "confirmed", ""},
		"everything is replayed": {"load-001", and(done, created().replayed(), reserved("r", 3).replayed(), confirmed("c").replayed()),
			totals{Confirmed: 1}, "confirmed", ""},
		"confirmed twice": {"load-001", and(done, confirmed("c2")), totals{Confirmed: 1, Duplicated: 1}, "confirmed",
			"duplicated: ORDER: events with different ids finish it"},
		"confirmed and rejected": {"load-001", and(done, rejected("c2")), totals{Confirmed: 1, Duplicated: 1}, "confirmed",
			"duplicated: ORDER: events with different ids finish it"},
		"rejected and cancelled": {"load-001", []entry{created(), rejected("c"), cancelled("x")},
			totals{Rejected: 1, Duplicated: 1}, "rejected", "duplicated: ORDER: events with different ids finish it"},
		"cancelled twice": {"load-001", []entry{created(), cancelled("x"), cancelled("x2")},
			totals{Cancelled: 1, Duplicated: 1}, "cancelled", "duplicated: ORDER: events with different ids finish it"},
		"reserved twice": {"load-001", and(done, reserved("r2", 3)), totals{Confirmed: 1, Duplicated: 1}, "confirmed",
			"duplicated: ORDER: 3 units confirmed, 6 reserved"},
		"too little reserved": {"load-001", []entry{created(), reserved("r", 2), confirmed("c")},
			totals{Confirmed: 1, Duplicated: 1}, "confirmed", "duplicated: ORDER: 3 units confirmed, 2 reserved"},
		"confirmed without a reservation": {"load-001", []entry{created(), confirmed("c")},
			totals{Confirmed: 1, Duplicated: 1}, "confirmed", "duplicated: ORDER: 3 units confirmed, 0 reserved"},
		"rejected with a reservation": {"load-001", []entry{created(), reserved("r", 3), rejected("c")},
			totals{Rejected: 1, Duplicated: 1}, "rejected", "duplicated: ORDER: rejected, but 3 units reserved"},

		"lost before it was published": {"load-001", nil, totals{Lost: 1}, "lost",
			"lost: order ID (load-001, trace afaa) was never published"},
		"lost by inventory": {"load-001", []entry{created()}, totals{Lost: 1}, "lost",
			"lost: order ID (load-001, trace afaa) was published, and nothing came of it"},
		"lost by order": {"load-001", []entry{created(), reserved("r", 3)}, totals{Lost: 1}, "lost",
			"lost: order ID (load-001, trace afaa) had its stock reserved, and was not confirmed"},
	}
	// All of them at once, each with a follower of its own, for which the others are strangers.
	for _, when := range []string{"accepted first", "told first"} {
		t.Run(when, func(t *testing.T) {
			s := newSystem(t, 3)
			runs, ids := map[string]*run{}, map[string]string{}
			for name, test := range tests {
				runs[name], ids[name] = start(s, follow.Config{LostAfter: lostAfter}), newOrderID()
				if when == "accepted first" {
					runs[name].Accepted(order(ids[name], test.sku))
				}
			}
			for name, test := range tests {
				s.tell(ids[name], test.told...)
			}
			s.work()
			s.readEverything(slices.Collect(maps.Values(runs))...)
			for name, test := range tests {
				if when == "told first" {
					runs[name].Accepted(order(ids[name], test.sku))
				}
			}
			now := time.Now()
			for _, r := range runs {
				r.rest(now)
			}
			for _, r := range runs {
				r.cancel()
			}
			for name, test := range tests {
				got, told := runs[name].accountAsItIs()
				want, ends := test.want, test.ends
				if want.DeadLettered == nil {
					want.DeadLettered = map[string]int{}
				}
				if test.example != "" {
					want.Examples = []string{strings.NewReplacer(
						"ORDER", "order "+ids[name]+" ("+test.sku+")", "ID", ids[name]).Replace(test.example)}
				}
				if name == "redriven and confirmed" && when == "told first" {
					ends = follow.Confirmed // nobody waited when it was given up
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: accounts (-want +got):\n%s", name, diff)
				}
				if diff := cmp.Diff([]string{ends}, told); diff != "" {
					t.Errorf("%s: ends (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

// Orders of which something is known when New returns are followed, even if Run begins later; those before are not.
func TestNothingIsMissedBetweenNewAndRun(t *testing.T) {
	s := newSystem(t, 3)
	before, after := newOrderID(), newOrderID()
	s.tell(before, created(), reserved("r", 3), confirmed("c"))
	f, err := follow.New(t.Context(), follow.Config{Redis: s.Client, Partitions: 3, LostAfter: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	s.tell(after, created(), reserved("r", 3), confirmed("c"))
	s.work()
	f.Accepted(order(before, "load-001"))
	f.Accepted(order(after, "load-001"))
	var got result.Totals
	if err := f.Account(t.Context(), &got); err != nil { // which reads what is there
		t.Fatal(err)
	}
	if got.Confirmed != 1 || got.Lost != 1 {
		t.Errorf("accounts %+v, want one confirmed and one that was before New", got)
	}
}

func TestManyOrdersOverPartitionsAtOnce(t *testing.T) {
	const workers, each = 8, 50
	r := start(newSystem(t, 4), follow.Config{})
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range each {
				id := newOrderID()
				told := []entry{created(), reserved("r", 3), confirmed("c")}
				sku := "load-001"
				if i%10 == 0 {
					told, sku = []entry{created(), created().dead("inventory", "permanent")}, "test-invalid"
				}
				r.tell(newOrderID(), created(), confirmed("c"), confirmed("c2")) // somebody else's
				if i%2 == 0 {
					r.Accepted(order(id, sku))
					r.tell(id, told...)
					continue
				}
				r.tell(id, told...)
				r.Accepted(order(id, sku))
				r.Accepted(order(id, sku)) // the same answer again
			}
		})
	}
	wg.Wait()
	r.work()
	got, ends := r.account()
	want := result.Totals{Confirmed: 360, DeadLettered: map[string]int{"permanent": 40}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
	if len(ends) != workers*each {
		t.Errorf("%d ends, want %d", len(ends), workers*each)
	}
}

func TestAPoisonThatWasFixedMayBeConfirmed(t *testing.T) {
	s := newSystem(t, 1)
	s.do("HSET", "clew:test", "poison", "fixed")
	r := start(s, follow.Config{})
	first, second := newOrderID(), newOrderID()
	r.Accepted(order(first, "test-poison"))
	r.Accepted(order(second, "test-poison"))
	r.tell(first, created(), reserved("r", 3), confirmed("c"))
	r.tell(second, created(), created().dead("inventory", "exhausted")) // before it was fixed
	r.work()
	got, _ := r.account()
	want := result.Totals{Confirmed: 1, DeadLettered: map[string]int{"exhausted": 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
}

// An order without an end is not lost while anything waits, however long nothing moves.
func TestWhatStillWaitsIsUnfinished(t *testing.T) {
	for name, wait := range map[string]func(system){
		"not delivered":    func(system) {},
		"not acknowledged": func(s system) { s.do("XREADGROUP", "GROUP", "inventory", "c", "STREAMS", key("orders", 0), ">") },
	} {
		t.Run(name, func(t *testing.T) {
			r := start(newSystem(t, 1), follow.Config{LostAfter: time.Nanosecond})
			id := newOrderID()
			r.Accepted(order(id, "load-001"))
			r.tell(id, created())
			wait(r.system)
			before := time.Now()
			eventually(t, "a sample", func() error {
				if !r.Levels().At.After(before) {
					return fmt.Errorf("%+v", r.Levels())
				}
				return nil
			})
			if r.Idle(before) {
				t.Errorf("idle with %+v", r.Levels())
			}
			got, ends := r.accountAsItIs()
			if diff := cmp.Diff(result.Totals{Unfinished: 1, DeadLettered: map[string]int{}}, got); diff != "" {
				t.Errorf("accounts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"unfinished"}, ends); diff != "" {
				t.Errorf("ends (-want +got):\n%s", diff)
			}
		})
	}
}

// Right after a run it is too early to call an order lost.
func TestWhatMovedAMomentAgoIsUnfinished(t *testing.T) {
	r := start(newSystem(t, 1), follow.Config{})
	r.Accepted(order(newOrderID(), "load-001"))
	if got, _ := r.accountAsItIs(); got.Unfinished != 1 || got.Lost != 0 {
		t.Errorf("accounts %+v, want one unfinished", got)
	}
}

func TestRedisRestartsInTheMiddle(t *testing.T) {
	r := start(newSystem(t, 2), follow.Config{})
	first, second, third := newOrderID(), newOrderID(), newOrderID()
	for _, id := range []string{first, second, third} {
		r.Accepted(order(id, "load-001"))
	}
	r.tell(first, created(), reserved("r", 3), confirmed("c"))
	r.tell(second, created(), reserved("r", 3))

	r.Kill()
	eventually(t, "the levels say that Redis is away", func() error {
		if r.Levels().Err == nil {
			return fmt.Errorf("%+v", r.Levels())
		}
		return nil
	})
	if r.Idle(time.Time{}) {
		t.Error("idle without Redis")
	}
	r.Restart(t)

	r.tell(second, confirmed("c"))
	r.tell(third, created(), confirmed("c")) // Redis may have lost the reservation
	r.work()
	got, _ := r.account()
	if diff := cmp.Diff(result.Totals{Confirmed: 3, DeadLettered: map[string]int{}}, got); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
}

// What was measured is not thrown away when Redis dies before the end.
func TestTheAccountsWithoutRedis(t *testing.T) {
	r := start(newSystem(t, 1), follow.Config{LostAfter: time.Nanosecond})
	id := newOrderID()
	r.Accepted(order(id, "load-001"))
	r.Accepted(order(newOrderID(), "load-001"))
	r.tell(id, created(), reserved("r", 3), confirmed("c"))
	r.readEverything(r)
	r.end()
	r.Kill()
	var got result.Totals
	if err := r.Account(t.Context(), &got); err == nil {
		t.Error("no error without Redis")
	}
	if diff := cmp.Diff(result.Totals{Confirmed: 1, Unfinished: 1, DeadLettered: map[string]int{}}, got); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
}

func TestPingsAreCountedAndNotRead(t *testing.T) {
	ping := entry{"orders", "", "test.ping.v1", "p", "{}", nil}
	s := newSystem(t, 2)
	s.tell("before", ping)
	r := start(s, follow.Config{Pings: true})
	for range 10 {
		r.tell(newOrderID(), ping)
	}
	r.tell(newOrderID(), ping.dead("inventory", "exhausted"))
	began := time.Now()
	eventually(t, "a sample with ten added", func() error {
		if l := r.Levels(); !l.At.After(began) || l.Added != 10 || l.LagMessages != 11 || l.DeadLetters["exhausted"] != 1 {
			return fmt.Errorf("%+v", l)
		}
		return nil
	})
	if r.Idle(began) {
		t.Error("idle while the pings wait")
	}
	r.work()
	got, _ := r.account()
	if diff := cmp.Diff(result.Totals{DeadLettered: map[string]int{"exhausted": 1}}, got); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	s := newSystem(t, 1)
	for _, test := range []struct {
		missing    string
		prepare    func()
		partitions int
		want       string
	}{
		{"a partition", func() {}, 2, "stream orders:{1}, which Clew's services make, is not in Redis"},
		{"a group", func() { s.do("XGROUP", "DESTROY", key("stock", 0), "order") }, 1,
			"stock:{0} has no consumer group order, which Clew's services make"},
		{"Redis", s.Kill, 1, "connection refused"},
	} {
		test.prepare()
		_, err := follow.New(t.Context(), follow.Config{Redis: s.Client, Partitions: test.partitions})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("without %s: %v, want %q", test.missing, err, test.want)
		}
	}
}
