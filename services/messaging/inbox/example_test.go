package inbox_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	_ "github.com/glebarez/go-sqlite" // the driver "sqlite"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/inbox"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/services/messaging/outbox"
)

// A service without GORM brings its database to outbox and inbox by two methods: here with database/sql …
type sqlDatabase struct{ *sql.DB }

func (d sqlDatabase) Transaction(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func (d sqlDatabase) Query(
	ctx context.Context, tx *sql.Tx, row func(scan func(...any) error) error, query string, args ...any,
) error {
	run := d.QueryContext
	if tx != nil {
		run = tx.QueryContext
	}
	rows, err := run(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// … and here with pgx.
type pgxDatabase struct{ *pgxpool.Pool }

func (d pgxDatabase) Transaction(ctx context.Context, fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, d.Pool, fn)
}

func (d pgxDatabase) Query(
	ctx context.Context, tx pgx.Tx, row func(scan func(...any) error) error, query string, args ...any,
) error {
	run := d.Pool.Query
	if tx != nil {
		run = tx.Query
	}
	rows, err := run(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func TestAServiceWithoutGORM(t *testing.T) {
	// It has the tables: here package database has made them, of which a service without GORM takes the migrations.
	t.Run("database/sql, SQLite", func(t *testing.T) {
		path := t.TempDir() + "/x.db"
		newRig(t, "sqlite://"+path)
		db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(3000)")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		testWithoutGORM(t, sqlDatabase{db}, "sqlite", func(ctx context.Context, tx *sql.Tx, name string) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO lamps VALUES ($1)", name)
			return err
		})
	})
	t.Run("database/sql, Postgres", func(t *testing.T) {
		url := messagingtest.Postgres(t)
		newRig(t, url)
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		testWithoutGORM(t, sqlDatabase{db}, "postgresql", func(ctx context.Context, tx *sql.Tx, name string) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO lamps VALUES ($1)", name)
			return err
		})
	})
	t.Run("pgx", func(t *testing.T) {
		url := messagingtest.Postgres(t)
		newRig(t, url)
		pool, err := pgxpool.New(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		testWithoutGORM(t, pgxDatabase{pool}, "postgresql", func(ctx context.Context, tx pgx.Tx, name string) error {
			_, err := tx.Exec(ctx, "INSERT INTO lamps VALUES ($1)", name)
			return err
		})
	})
}

// testWithoutGORM has a question answered once, in one transaction with a lamp that light leaves, and the answer published
// as often as the question is asked.
func testWithoutGORM[T any](
	t *testing.T, db outbox.Database[T], system string, light func(ctx context.Context, tx T, name string) error,
) {
	client := messagingtest.Client(t, messagingtest.Redis(t))
	o := outbox.New(db, system, messaging.New(client, messaging.Config{Source: "/lamps"}))
	fails := true
	handler := messaging.On(inbox.Once(inbox.New(o, "g"), func(ctx context.Context, tx *outbox.Tx[T], event switched) error {
		if err := light(ctx, tx.DB, event.Lamp); err != nil {
			return outbox.DatabaseError(ctx, err)
		}
		if fails {
			return errors.New("no luck")
		}
		return outbox.Create(ctx, tx, event)
	}))
	question, err := messaging.NewMessage(t.Context(), switched{"desk"})
	if err != nil {
		t.Fatal(err)
	}
	if err := handler.Handle(t.Context(), question); err == nil || err.Error() != "no luck" {
		t.Fatalf("the first attempt: %v", err)
	}
	fails = false
	if err := handler.Handle(t.Context(), question); err != nil {
		t.Fatalf("the second attempt met remains of the first: %v", err)
	}
	for _, times := range []int64{1, 2} {
		stop, cancel := context.WithCancel(t.Context())
		cancel() // what a relay does last is to publish what there is
		if err := outbox.NewRelay(o.Table).Run(stop); err != nil {
			t.Fatal(err)
		}
		if n := client.XLen(t.Context(), "lamps:{0}").Val(); n != times {
			t.Errorf("%d answers are on their stream, expected %d", n, times)
		}
		if err := handler.Handle(t.Context(), question); !errors.Is(err, messaging.ErrDuplicate) {
			t.Errorf("asked again: %v", err)
		}
	}
	other, err := messaging.NewMessage(t.Context(), switched{"wall"})
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if err := handler.Handle(ended, other); messaging.Classify(err) == "" {
		t.Errorf("without time: %v", err)
	}
}

// Whoever copies outbox and inbox, and has another way to the database, does not get GORM with them.
func TestOutboxAndInboxDoNotNeedGORM(t *testing.T) {
	output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "..", "../outbox", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(string(output)) {
		if strings.Contains(name, "gorm") {
			t.Error(fmt.Sprint("they need ", name))
		}
	}
}
