package growth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing/fstest"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace/noop"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
)

const (
	purgeStep    = 1000 // rows that a statement of the purge deletes
	replayEvents = 100  // that each repetition replays
)

// Purge measures a step of the purge of an outbox in which all rows are due: a statement that deletes 1 000 of them. The purge
// runs until all are gone.
func Purge(ctx context.Context, j child.Job) (report.Result, error) {
	db, table, err := open(ctx, j)
	if err != nil {
		return report.Result{}, err
	}
	defer db.close()
	for len(db.steps) < least {
		if err := db.fill(ctx, j.Backlog, time.Now().Add(-48*time.Hour)); err != nil {
			return report.Result{}, err
		}
		if err := table.Purge(ctx, 24*time.Hour); err != nil {
			return report.Result{}, err
		}
		if n, err := db.count(ctx, "TRUE"); n != 0 || err != nil {
			return report.Result{}, errors.Join(err, fmt.Errorf("%d rows are left, expected none", n))
		}
	}
	return result(db.steps), nil
}

// Replay measures the replay of 100 events that follow each other, from an outbox in which everything is published. Each
// repetition replays others.
func Replay(ctx context.Context, j child.Job) (report.Result, error) {
	db, table, err := open(ctx, j)
	if err != nil {
		return report.Result{}, err
	}
	defer db.close()
	first := time.Now().Add(-24 * time.Hour)
	if err := db.fill(ctx, j.Backlog, first); err != nil {
		return report.Result{}, err
	}
	var times []time.Duration
	for i := range least {
		nth := j.Backlog * i / least
		r := outbox.Replay{After: idOf(first, nth), Before: idOf(first, nth+replayEvents)}
		started := time.Now()
		n, rest, err := table.Replay(ctx, r)
		times = append(times, time.Since(started))
		if err != nil || n != replayEvents || rest != nil {
			return report.Result{}, errors.Join(err, fmt.Errorf("%d events are replayed, expected %d", n, replayEvents))
		}
	}
	if n, err := db.count(ctx, "published_at = 0"); n != least*replayEvents || err != nil {
		return report.Result{}, errors.Join(err, fmt.Errorf("%d events will be published again, expected %d", n, least*replayEvents))
	}
	return result(times), nil
}

// A filled is a database with an outbox, and a connection of its own to fill it.
type filled struct {
	db     *database.DB
	own    *sql.DB
	client redis.UniversalClient
	steps  []time.Duration // of the purge
}

// open makes the tables. The outbox is as in a service, but that its purge's steps are timed.
func open(ctx context.Context, j child.Job) (*filled, *outbox.Table, error) {
	noTables := fstest.MapFS{"0001_none.sql": {Data: []byte("-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 1;\n")}}
	db, err := database.Open(ctx, j.Databases.Order, noTables, noop.NewTracerProvider(), nil)
	if err != nil {
		return nil, nil, err
	}
	own, err := sql.Open("pgx", j.Databases.Order)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	// The outbox needs a client, but nothing connects to Redis: no relay runs.
	client, err := messaging.Connect(messaging.Redis{URL: j.RedisURL})
	if err != nil {
		return nil, nil, errors.Join(err, own.Close(), db.Close())
	}
	f := &filled{db: db, own: own, client: client}
	return f, outbox.New(timeSteps(db, f), db.System(), messaging.New(client, messaging.Config{})).Table, nil
}

func (f *filled) close() {
	_ = f.client.Close()
	_ = f.own.Close()
	_ = f.db.Close()
}

// fill adds rows of published messages, one created each millisecond since first, of the usual size. After it, Postgres
// has collected statistics, as it has by itself in a table that has existed for a while, and has written everything to the disk,
// so that it does not do so meanwhile.
func (f *filled) fill(ctx context.Context, n int, first time.Time) error {
	_, err := f.own.ExecContext(ctx, `
		INSERT INTO outbox (id, stream, source, type, subject, time, data, traceparent, tracestate, baggage, cause_id, published_at)
		SELECT id, 'orders', '/order', 'order.created.v1', 'order-' || id, us, $3,
			'00-' || repeat('0123456789abcdef', 2) || '-0123456789abcdef-00', '', '', id, us
		FROM (SELECT overlay(lpad(to_hex($1::BIGINT + n), 12, '0') PLACING '-' FROM 9 FOR 0) || '-7000-8000-000000000000' AS id,
			($1 + n) * 1000 AS us FROM generate_series(0, $2::BIGINT - 1) AS n) AS ids`,
		first.UnixMilli(), n, `{"filler":"`+strings.Repeat("x", 500)+`"}`)
	for _, statement := range [...]string{"VACUUM ANALYZE outbox", "CHECKPOINT"} {
		if err == nil {
			_, err = f.own.ExecContext(ctx, statement)
		}
	}
	if err != nil {
		return fmt.Errorf("fill the outbox: %w", err)
	}
	return nil
}

// idOf sorts before the nth row of fill, and after the one before.
func idOf(first time.Time, n int) string {
	ms := first.UnixMilli() + int64(n)
	return fmt.Sprintf("%08x-%04x", ms>>16, ms&0xffff)
}

func (f *filled) count(ctx context.Context, where string) (n int, err error) {
	return n, f.own.QueryRowContext(ctx, "SELECT COUNT(*) FROM outbox WHERE "+where).Scan(&n)
}

// A timed is a database that notes how long each statement took that returned as many rows as a step of the purge.
type timed[T any] struct {
	outbox.Database[T]
	filled *filled
}

func timeSteps[T any](db outbox.Database[T], f *filled) outbox.Database[T] { return timed[T]{db, f} }

func (t timed[T]) Query(ctx context.Context, tx T, row func(scan func(...any) error) error, query string, args ...any) error {
	rows, started := 0, time.Now()
	err := t.Database.Query(ctx, tx, func(scan func(...any) error) error {
		rows++
		return row(scan)
	}, query, args...)
	if rows == purgeStep {
		t.filled.steps = append(t.filled.steps, time.Since(started))
	}
	return err
}
