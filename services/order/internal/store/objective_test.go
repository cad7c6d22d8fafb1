package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"golang.org/x/sync/errgroup"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/order/internal/order"
	"example.com/clew/services/order/internal/store"
	"example.com/clew/services/order/internal/store/migrations"
)

// accepted is when the orders of these tests are accepted.
var accepted = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)

type totals = map[order.Verdict]int64

// openSuite returns a suite with connections of its own, as each process has.
func openSuite(t *testing.T, url string, own fs.FS, reg prometheus.Registerer) suite {
	t.Helper()
	db, err := database.Open(t.Context(), url, own, noop.NewTracerProvider(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return suite{db, store.New(db, reg), outbox.New(db, db.System(), messaging.New(nil, messaging.Config{}))}
}

func (s suite) change(t *testing.T, id string, to order.Status, after time.Duration) (changed bool) {
	t.Helper()
	s.transaction(t, func(ctx context.Context, tx *store.Tx) (err error) {
		changed, err = s.store.Change(ctx, tx, id, to, "", accepted.Add(after))
		return err
	})
	return changed
}

func (s suite) sweep(t *testing.T, after time.Duration) {
	t.Helper()
	if err := s.store.Sweep(t.Context(), accepted.Add(after)); err != nil {
		t.Fatal(err)
	}
}

func (s suite) wantStanding(t *testing.T, after time.Duration, want totals, overdue int64) {
	t.Helper()
	got, err := s.store.Standing(t.Context(), accepted.Add(after))
	if diff := cmp.Diff(store.Standing{Totals: want, Overdue: overdue}, got); diff != "" || err != nil {
		t.Errorf("after %s: error %v (-want +got):\n%s", after, err, diff)
	}
}

func TestAnOrderCountsOnceForTheObjective(t *testing.T) {
	const inTime, late, muchLater = 5 * time.Second, 5*time.Second + time.Microsecond, time.Hour
	type step struct {
		after time.Duration
		to    order.Status // or a sweep
	}
	const sweep = order.Status("")
	tests := map[string]struct {
		steps     []step
		good, bad int64
		overdue   int64
	}{
		"confirmed in time":            {[]step{{inTime, order.Confirmed}}, 1, 0, 0},
		"rejected in time":             {[]step{{inTime, order.Rejected}}, 1, 0, 0},
		"confirmed late":               {[]step{{late, order.Confirmed}}, 0, 1, 0},
		"rejected late":                {[]step{{late, order.Rejected}}, 0, 1, 0},
		"pending, but not for long":    {[]step{{inTime, sweep}}, 0, 0, 0},
		"pending for too long":         {[]step{{late, sweep}}, 0, 1, 1},
		"bad, and confirmed later":     {[]step{{late, sweep}, {muchLater, order.Confirmed}}, 0, 1, 0},
		"bad, and cancelled later":     {[]step{{late, sweep}, {muchLater, order.Cancelled}}, 0, 1, 0},
		"cancelled in time":            {[]step{{inTime, order.Cancelled}}, 0, 0, 0},
		"cancelled late":               {[]step{{late, order.Cancelled}}, 0, 1, 0},
		"confirmed, cancelled in time": {[]step{{time.Second, order.Confirmed}, {inTime, order.Cancelled}}, 1, 0, 0},
		"confirmed, cancelled late":    {[]step{{time.Second, order.Confirmed}, {late, order.Cancelled}}, 1, 0, 0},
		"counted, then cancelled":      {[]step{{time.Second, order.Confirmed}, {inTime, sweep}, {late, order.Cancelled}}, 1, 0, 0},
		"confirmed late and cancelled": {[]step{{late, order.Confirmed}, {muchLater, order.Cancelled}}, 0, 1, 0},
	}
	messagingtest.EachDatabase(t, func(t *testing.T, url string) {
		s := openSuite(t, url, migrations.FS, nil)
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				for _, reset := range []string{
					"DELETE FROM order_items", "DELETE FROM orders", "UPDATE orders_objective SET total = 0",
				} {
					if err := s.db.Write.Exec(reset).Error; err != nil {
						t.Fatal(err)
					}
				}
				o := s.insert(t, 1, func(o *order.Order) { o.CreatedAt = accepted })
				for _, step := range test.steps {
					if step.to == sweep {
						s.sweep(t, step.after)
					} else if !s.change(t, o.ID, step.to, step.after) {
						t.Fatalf("not %s after %s", step.to, step.after)
					}
				}
				last := test.steps[len(test.steps)-1].after
				for range 2 {
					s.sweep(t, last)
					s.wantStanding(t, last, totals{order.Good: test.good, order.Bad: test.bad}, test.overdue)
				}
			})
		}
	})
}

func TestATransactionThatIsRolledBackCountsNothing(t *testing.T) {
	messagingtest.EachDatabase(t, func(t *testing.T, url string) {
		registry := prometheus.NewRegistry()
		s := openSuite(t, url, migrations.FS, registry)
		o := s.insert(t, 1, func(o *order.Order) { o.CreatedAt = accepted })
		cause := errors.New("no")
		for _, after := range []time.Duration{time.Second, 2 * time.Second} {
			err := s.outbox.Transaction(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				_, err := s.store.Change(ctx, tx, o.ID, order.Confirmed, "", accepted.Add(after))
				return errors.Join(err, s.store.Insert(ctx, tx, order.Order{ID: "x", Items: o.Items}), cause)
			})
			if !errors.Is(err, cause) {
				t.Fatal(err)
			}
		}
		s.change(t, o.ID, order.Confirmed, 3*time.Second)
		s.change(t, o.ID, order.Confirmed, 4*time.Second)  // as a redelivery would
		s.change(t, o.ID, order.Cancelled, 40*time.Second) // it had finished before
		want := `
			# HELP orders_accepted_total Orders accepted.
			# TYPE orders_accepted_total counter
			orders_accepted_total 1
			# HELP orders_finished_total Orders that left pending, by their new status.
			# TYPE orders_finished_total counter
			orders_finished_total{status="cancelled"} 0
			orders_finished_total{status="confirmed"} 1
			orders_finished_total{status="rejected"} 0
		`
		err := testutil.GatherAndCompare(registry, strings.NewReader(want), "orders_accepted_total", "orders_finished_total")
		if err != nil {
			t.Error(err)
		}
	})
}

// The exemplar leads to the order's trace, if that is known to be sampled.
func TestTheTimeThatAnOrderTookHasItsTrace(t *testing.T) {
	const its, another = "0af7651916cd43dd8448eb211c80319c", "1af7651916cd43dd8448eb211c80319c"
	for name, test := range map[string]struct {
		traceID string
		flags   trace.TraceFlags
		want    string
	}{
		"sampled":                   {its, trace.FlagsSampled, its},
		"not sampled":               {its, 0, ""},
		"finished in another trace": {another, trace.FlagsSampled, ""},
	} {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			s := openSuite(t, "sqlite://"+filepath.Join(t.TempDir(), "order.db"), migrations.FS, registry)
			o := s.insert(t, 1, func(o *order.Order) { o.CreatedAt, o.TraceID = accepted, its })
			id, err := trace.TraceIDFromHex(test.traceID)
			if err != nil {
				t.Fatal(err)
			}
			ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
				TraceID: id, SpanID: trace.SpanID{1}, TraceFlags: test.flags,
			}))
			err = s.outbox.Transaction(ctx, func(ctx context.Context, tx *store.Tx) error {
				_, err := s.store.Change(ctx, tx, o.ID, order.Confirmed, "", accepted.Add(2*time.Second))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}

			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			var sum float64
			var exemplar string
			for _, family := range families {
				for _, metric := range family.GetMetric() {
					sum += metric.GetHistogram().GetSampleSum()
					for _, bucket := range metric.GetHistogram().GetBucket() {
						for _, label := range bucket.GetExemplar().GetLabel() {
							exemplar += label.GetName() + "=" + label.GetValue()
						}
					}
				}
			}
			if test.want != "" {
				test.want = "trace_id=" + test.want
			}
			if sum != 2 || exemplar != test.want {
				t.Errorf("took %g s with the exemplar %q, want 2 s with %q", sum, exemplar, test.want)
			}
		})
	}
}

// verdicts writes n orders, every third of which is pending.
func (s suite) verdicts(t *testing.T, n int) {
	t.Helper()
	err := s.db.Write.Exec(`
		WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
		INSERT INTO orders (id, customer_id, status, reason, currency, total_cents, trace_id, created_at, finished_at, objective)
		SELECT 'order-' || n, 'ada', CASE n % 3 WHEN 0 THEN 'pending' ELSE 'confirmed' END, '', 'EUR', 1, '', ?,
			n % 3, CASE n % 3 WHEN 0 THEN '' ELSE 'good' END FROM numbers`, n, accepted.UnixMicro()).Error
	if err != nil {
		t.Fatal(err)
	}
}

func TestSweepersAtOnceCountEachOrderOnce(t *testing.T) {
	messagingtest.EachDatabase(t, func(t *testing.T, url string) {
		s := openSuite(t, url, migrations.FS, nil)
		s.verdicts(t, 3000)
		var sweepers errgroup.Group
		for range 4 {
			other := openSuite(t, url, migrations.FS, nil)
			sweepers.Go(func() error { return other.store.Sweep(t.Context(), accepted.Add(time.Minute)) })
		}
		if err := sweepers.Wait(); err != nil {
			t.Error(err)
		}
		s.wantStanding(t, time.Minute, totals{order.Good: 2000, order.Bad: 1000}, 1000)
	})
}

func TestAnOrderThatFinishesWhileItIsSweptCountsOnce(t *testing.T) {
	messagingtest.EachDatabase(t, func(t *testing.T, url string) {
		s, other := openSuite(t, url, migrations.FS, nil), openSuite(t, url, migrations.FS, nil)
		const orders = 50
		for n := range orders {
			o := s.insert(t, n, func(o *order.Order) { o.CreatedAt = accepted })
			var sweeping errgroup.Group
			sweeping.Go(func() error { return other.store.Sweep(t.Context(), accepted.Add(time.Minute)) })
			s.change(t, o.ID, order.Confirmed, time.Second)
			if err := sweeping.Wait(); err != nil {
				t.Error(err)
			}
		}
		s.sweep(t, time.Minute)
		standing, err := s.store.Standing(t.Context(), accepted)
		if n := standing.Totals[order.Good] + standing.Totals[order.Bad]; n != orders || err != nil {
			t.Errorf("counted %+v, want each of %d orders once; error %v", standing, orders, err)
		}
	})
}

// A sweeper that is killed leaves what its transaction had done so far: nothing.
func TestASweepThatComesToNothingIsRepeated(t *testing.T) {
	messagingtest.EachDatabase(t, func(t *testing.T, url string) {
		s := openSuite(t, url, migrations.FS, nil)
		s.verdicts(t, 9)
		rename := func(from, to string) {
			t.Helper()
			if err := s.db.Write.Exec("ALTER TABLE " + from + " RENAME TO " + to).Error; err != nil {
				t.Fatal(err)
			}
		}
		rename("orders_objective", "away") // what the transaction writes last
		if err := s.store.Sweep(t.Context(), accepted.Add(time.Minute)); err == nil {
			t.Error("a sweep without totals succeeded")
		}
		if standing, err := s.store.Standing(t.Context(), accepted); err == nil {
			t.Errorf("read %+v from nowhere", standing)
		}
		rename("away", "orders_objective")
		s.sweep(t, time.Minute)
		s.wantStanding(t, time.Minute, totals{order.Good: 6, order.Bad: 3}, 3)

		again := openSuite(t, url, migrations.FS, nil) // a restart
		again.sweep(t, time.Hour)
		again.wantStanding(t, time.Hour, totals{order.Good: 6, order.Bad: 3}, 3)
	})
}

func TestOrdersFromBeforeTheObjectiveDoNotCount(t *testing.T) {
	messagingtest.EachDatabase(t, func(t *testing.T, url string) {
		first, err := fs.ReadFile(migrations.FS, "0001_orders.sql")
		if err != nil {
			t.Fatal(err)
		}
		old := openSuite(t, url, fstest.MapFS{"0001_orders.sql": {Data: first}}, nil)
		for n, status := range []string{"pending", "confirmed", "rejected", "cancelled"} {
			err := old.db.Write.Exec(`
				INSERT INTO orders (id, customer_id, status, reason, currency, total_cents, trace_id, created_at)
				VALUES (?, 'ada', ?, '', 'EUR', 1, '', ?)`, fmt.Sprint("order-", n), status, accepted.UnixMicro()).Error
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := old.db.Close(); err != nil {
			t.Fatal(err)
		}

		s := openSuite(t, url, migrations.FS, nil)
		s.change(t, "order-1", order.Cancelled, time.Hour)
		s.sweep(t, time.Hour)
		s.wantStanding(t, time.Hour, totals{order.Good: 0, order.Bad: 0}, 1)
		s.change(t, "order-0", order.Confirmed, time.Hour)
		s.insert(t, 1, func(o *order.Order) { o.CreatedAt = accepted })
		s.sweep(t, time.Hour)
		s.wantStanding(t, time.Hour, totals{order.Good: 0, order.Bad: 1}, 1)
	})
}

// Every second each process asks for these: their cost must not grow with the orders there are.
func TestTheSweepReadsOnlyWhatItNeeds(t *testing.T) {
	s := openSuite(t, "sqlite://"+filepath.Join(t.TempDir(), "order.db"), migrations.FS, nil)
	for query, index := range map[string]string{
		"SELECT id FROM orders WHERE objective_counted = 0 AND (objective <> '' OR created_at < 1) LIMIT 500": "orders_uncounted",
		"SELECT COUNT(*) FROM orders WHERE finished_at = 0 AND created_at < 1":                                "orders_unfinished",
	} {
		var plan []struct{ Detail string }
		if err := s.db.Read.Raw("EXPLAIN QUERY PLAN " + query).Scan(&plan).Error; err != nil {
			t.Fatal(err)
		}
		if len(plan) != 1 || !strings.Contains(plan[0].Detail, index) {
			t.Errorf("%s: %+v, want it to use %s", query, plan, index)
		}
	}
}
