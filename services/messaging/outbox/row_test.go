package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"
	"gorm.io/gorm"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/messagingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noTables = fstest.MapFS{"0001_none.sql": {Data: []byte("-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 1;\n")}}

// A lampbox is an outbox of events about lamps.
type lampbox struct {
	*Outbox[*gorm.DB]
	db *database.DB
}

// open returns the outbox in a database, with connections of its own, as each process has.
func open(t *testing.T, databaseURL string) *lampbox {
	t.Helper()
	tp := noop.NewTracerProvider()
	db, err := database.Open(t.Context(), databaseURL, noTables, tp, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &lampbox{New(db, db.System(), messaging.New(nil, messaging.Config{Source: "/lamps"})), db}
}

func (o *lampbox) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if err := o.db.Write.Exec(statement, args...).Error; err != nil {
		t.Fatal(err)
	}
}

// idOf is a UUIDv7 of 1970.
func idOf(i int) string { return fmt.Sprintf("00000000-0000-7000-8000-%012d", i) }

// fill leaves n answers to one event, and as many events that were processed. The last is written first, so that they
// come in another order from the table than from an index.
func (o *lampbox) fill(t *testing.T, n int) {
	t.Helper()
	for i := n; i > 0; i-- {
		id := idOf(i)
		o.exec(t, `INSERT INTO outbox
			(id, stream, source, type, subject, time, data, traceparent, tracestate, baggage, cause_id)
			VALUES (?, 'lamps', '/lamps', 'lamp.lit.v1', 'desk', ?, '{}', '', '', '', 'switched')`, id, i)
		o.exec(t, "INSERT INTO inbox VALUES ('g', ?, ?)", id, i)
	}
}

func (o *lampbox) mustLease(t *testing.T) []row {
	t.Helper()
	rows, err := o.lease(t.Context(), batchRows)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// A change is one of many rows, some of which may be those that a relay has leased.
type change func(ctx context.Context, o *lampbox, leased []row) error

func settle(ctx context.Context, o *lampbox, leased []row) error {
	return o.settle(ctx, leased, make([]error, len(leased)))
}

func replay(ctx context.Context, o *lampbox, _ []row) error {
	_, _, err := o.Replay(ctx, Replay{After: "0", Before: "1"})
	return err
}

func repeat(ctx context.Context, o *lampbox, _ []row) error {
	return o.Transaction(ctx, func(ctx context.Context, tx *Tx[*gorm.DB]) error { return tx.Republish(ctx, "switched") })
}

func purge(ctx context.Context, o *lampbox, _ []row) error { return o.Purge(ctx, time.Hour) }

// Each process may find the same rows in another order. If it locked them in that order, one would wait for a row that
// the other has while the other waits for one of its own.
func TestChangesOfTheSameRowsDoNotDeadlock(t *testing.T) {
	t.Parallel()
	message := "SELECT id FROM outbox WHERE id = '" + idOf(10) + "' FOR UPDATE"
	event := "SELECT event_id FROM inbox WHERE event_id = '" + idOf(10) + "' FOR UPDATE"
	for name, test := range map[string]struct {
		locked        string // until both changes have come as far as they can
		first, second change
	}{
		"settling and settling":     {message, settle, settle},
		"settling and replaying":    {message, settle, replay},
		"settling and repeating":    {message, settle, repeat},
		"purging and replaying":     {message, purge, replay},
		"purging and repeating":     {message, purge, repeat},
		"purging and purging":       {message, purge, purge},
		"forgetting and forgetting": {event, purge, purge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			databaseURL := messagingtest.Postgres(t)
			byIndex := open(t, databaseURL+"&enable_seqscan=off&enable_bitmapscan=off")
			byTable := open(t, databaseURL+"&enable_indexscan=off&enable_bitmapscan=off")
			byIndex.fill(t, 20)
			leased := byIndex.mustLease(t)
			byIndex.exec(t, "UPDATE outbox SET published_at = time") // as if by another relay, after the lease
			middle := byIndex.db.Write.Begin()
			defer middle.Rollback()
			if err := middle.Exec(test.locked).Error; err != nil {
				t.Fatal(err)
			}

			var changes sync.WaitGroup
			var errs [2]error
			var ended atomic.Int64
			changes.Go(func() { errs[0] = test.first(t.Context(), byIndex, leased); ended.Add(1) })
			byIndex.awaitStanding(t, 1, &ended)
			changes.Go(func() { errs[1] = test.second(t.Context(), byTable, leased); ended.Add(1) })
			byIndex.awaitStanding(t, 2, &ended)
			middle.Rollback()
			changes.Wait()
			if err := errors.Join(errs[:]...); err != nil {
				t.Error(err)
			}
		})
	}
}

// awaitStanding waits until n changes have ended or wait for a lock.
func (o *lampbox) awaitStanding(t *testing.T, n int64, ended *atomic.Int64) {
	t.Helper()
	messagingtest.Eventually(t, "changes have ended or wait", func() error {
		var waiting int64
		err := o.db.Read.Raw(`SELECT COUNT(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting).Error
		if standing := waiting + ended.Load(); err == nil && standing != n {
			err = fmt.Errorf("%d of %d", standing, n)
		}
		return err
	})
}

// A publication may have been lost if somebody asks for the message meanwhile: that it succeeded says nothing then. Nor
// does its failure, if it took so long that another relay has taken over.
func TestWhatIsAskedForWhileItIsPublishedIsPublishedAgain(t *testing.T) {
	messagingtest.EachDatabase(t, testWhatIsAskedForWhileItIsPublishedIsPublishedAgain)
}

func testWhatIsAskedForWhileItIsPublishedIsPublishedAgain(t *testing.T, databaseURL string) {
	o := open(t, databaseURL)
	o.fill(t, 1)
	takeOver := func(ctx context.Context, o *lampbox, _ []row) error {
		o.exec(t, "UPDATE outbox SET leased_until = 1")
		return settle(ctx, o, o.mustLease(t))
	}
	for name, meanwhile := range map[string][]change{
		"repeated":                       {repeat},
		"taken over, and replayed":       {takeOver, replay},
		"taken over, and repeated":       {takeOver, repeat},
		"repeated, taken over, replayed": {repeat, takeOver, replay},
	} {
		for _, outcome := range []error{nil, messaging.Permanent(errors.New("too large")), errors.New("no connection")} {
			leased := o.mustLease(t)
			for _, change := range meanwhile {
				if err := change(t.Context(), o, leased); err != nil {
					t.Fatal(err)
				}
			}
			if err := o.settle(t.Context(), leased, []error{outcome}); err != nil {
				t.Fatal(err)
			}
			again := o.mustLease(t)
			if len(again) != 1 || again[0].Failures != 0 {
				t.Errorf("%s, outcome %v: %+v are left to publish, want the message", name, outcome, again)
			}
			o.exec(t, "UPDATE outbox SET published_at = 0, leased_until = 0, failures = 0")
		}
	}
}

func TestAMessageComesBackFromItsRow(t *testing.T) {
	messagingtest.EachDatabase(t, testAMessageComesBackFromItsRow)
}

func testAMessageComesBackFromItsRow(t *testing.T, databaseURL string) {
	o := open(t, databaseURL)
	for name, headers := range map[string]messaging.Headers{
		"none":         {},
		"its context":  {"traceparent": "00-1-2-01", "tracestate": "a=b", "baggage": "c=d"},
		"others":       {"tenant": "north", "note": "\"quoted\", {and} \u2026 so on"},
		"all of those": {"traceparent": "00-1-2-01", "tracestate": "a=b", "baggage": "c=d", "tenant": "north"},
	} {
		m, err := messaging.NewMessage(t.Context(), lit{"desk", "x"})
		if err != nil {
			t.Fatal(err)
		}
		m.Source, m.Headers = "/lamps", headers
		r := rowOf(m, "")
		if err := o.query(t.Context(), ignore, insertRow, r.fields()...); err != nil {
			t.Fatal(err)
		}
		rows := o.mustLease(t)
		if len(rows) != 1 {
			t.Fatalf("%s: %d rows", name, len(rows))
		}
		if diff := cmp.Diff(m, rows[0].message()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A relay whose machine's clock is wrong has the same leases as all others. It must not matter by how much: here it is
// the year 2000, when a bubble of synctest begins.
func TestLeasesAreByTheDatabasesClock(t *testing.T) {
	o := open(t, messagingtest.Postgres(t)) // processes that share a SQLite file share a clock
	o.fill(t, 2)
	o.mustLease(t) // by a connection that is made outside of the bubble
	o.exec(t, "UPDATE outbox SET leased_until = 0")
	synctest.Test(t, func(t *testing.T) {
		if leased := o.mustLease(t); len(leased) != 2 {
			t.Errorf("the relay that is behind leased %d", len(leased))
		}
	})
	if leased := o.mustLease(t); len(leased) != 0 {
		t.Errorf("another leased %d of its rows at once", len(leased))
	}
}

func TestTheInboxIsPurgedWhateverBecomesOfTheOutbox(t *testing.T) {
	messagingtest.EachDatabase(t, func(t *testing.T, databaseURL string) {
		o := open(t, databaseURL)
		o.fill(t, 3)
		o.exec(t, "ALTER TABLE outbox RENAME TO gone")
		if err := o.Purge(t.Context(), time.Hour); err == nil {
			t.Error("the outbox was purged, which is not there")
		}
		var left int
		if err := o.db.Read.Raw("SELECT COUNT(*) FROM inbox").Scan(&left).Error; err != nil || left > 0 {
			t.Errorf("%d left, %v", left, err)
		}
	})
}
