// Package database opens the database in which a service keeps its own rows, its outbox and its inbox: one
// transaction spans them all. It also creates the outbox's and the inbox's tables, and makes statements visible as
// spans and metrics.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/trace"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/clew/services/messaging/database/migrations"
	"example.com/clew/services/messaging/internal/dberror"
	"example.com/clew/services/messaging/internal/rows"
)

// patience is how long a statement waits for a connection, on SQLite for the lock and on Postgres for its result. It is
// shorter than the time of a handler or a request, so that these learn of the cause.
const patience = 3 * time.Second

// A DB is an open database. Write is for transactions and changes, Read for everything else: on SQLite they are a
// single connection that takes the write lock at once and a pool that cannot write, so that readers never wait for
// writers and two writers never deadlock. On Postgres they are the same pool.
type DB struct {
	Write *gorm.DB
	Read  *gorm.DB

	instrumentation *instrumentation
	pools           []*sql.DB
}

// Open opens the database at a URL such as sqlite:///var/lib/clew/order.db or postgres://order:secret@db/order, and
// brings its tables up to date: those of the outbox and the inbox, then the service's own, a file system of goose
// migrations. Several processes may do that at the same time on Postgres. Spans of statements go to tp; only
// statements with a recording parent have one. Metrics are registered with reg, if that is not nil: one database a
// registry. The caller closes the database.
func Open(
	ctx context.Context, databaseURL string, own fs.FS, tp trace.TracerProvider, reg prometheus.Registerer,
) (*DB, error) {
	const expected = "expected sqlite:///path/to/file or postgres://user:password@host/name"
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		return nil, errors.New("the database's URL cannot be read, " + expected) // the error would repeat the password
	}
	var open func(*DB, context.Context, *url.URL, fs.FS, prometheus.Registerer) error
	switch parsed.Scheme {
	case "sqlite":
		open = (*DB).openSQLite
	case "postgres", "postgresql":
		open = (*DB).openPostgres
	}
	if open == nil || parsed.Host+parsed.Path == "" {
		return nil, fmt.Errorf("the database's URL is %q, %s", parsed.Redacted(), expected)
	}
	db := &DB{}
	if db.instrumentation, err = newInstrumentation(tp, reg); err == nil {
		err = open(db, ctx, parsed, own, reg)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", parsed.Redacted(), err), db.Close())
	}
	return db, nil
}

// add takes over a pool, which may have so many connections, and opens it for GORM.
func (db *DB) add(
	pool *sql.DB, name string, connections int, reg prometheus.Registerer, dialector func(gorm.ConnPool) gorm.Dialector,
) (*gorm.DB, error) {
	db.pools = append(db.pools, pool)
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	if reg != nil {
		if err := reg.Register(collectors.NewDBStatsCollector(pool, name)); err != nil {
			return nil, err
		}
	}
	return gorm.Open(dialector(tracedPool{pool, db.instrumentation}), &gorm.Config{
		SkipDefaultTransaction: true, TranslateError: true,
		Logger: logger.Discard, // errors are returned, and slow statements are spans
	})
}

// migrate applies the migrations that are not recorded yet: each of the two sets in a table of its own.
func migrate(ctx context.Context, dialect goose.Dialect, pool *sql.DB, own fs.FS, options ...goose.ProviderOption) error {
	for _, set := range []struct {
		files fs.FS
		table string
	}{{migrations.FS, "goose_messaging"}, {own, "goose_service"}} {
		provider, err := goose.NewProvider(dialect, pool, set.files, append(options, goose.WithTableName(set.table))...)
		if err == nil {
			_, err = provider.Up(ctx)
		}
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
	}
	return nil
}

// System is the database's name in OpenTelemetry's conventions (db.system.name): postgresql or sqlite.
func (db *DB) System() string { return db.instrumentation.system }

// Transaction runs fn in a transaction and commits it, or rolls it back if fn returns an error or panics.
func (db *DB) Transaction(ctx context.Context, fn func(tx *gorm.DB) error) error {
	return db.Write.WithContext(ctx).Transaction(fn)
}

// Query runs a statement with the placeholders $1, $2 and so on, in a transaction, or on its own if tx is nil. It calls row
// for each row of the result, which scan reads, and returns what row returns if that is an error.
func (db *DB) Query(
	ctx context.Context, tx *gorm.DB, row func(scan func(columns ...any) error) error, query string, args ...any,
) error {
	conn := db.Write.ConnPool
	if tx != nil {
		conn = tx.Statement.ConnPool
	} else if strings.HasPrefix(query, "SELECT") {
		conn = db.Read.ConnPool
	}
	result, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = result.Close() }() // Err has returned its error
	for result.Next() {
		if err := row(result.Scan); err != nil {
			return err
		}
	}
	return dberror.Classify(ctx, result.Err())
}

// Purge deletes from a table the rows whose time is before another, in batches: what was deleted stays deleted if a later
// batch fails. What others have locked stays. key is the table's primary key, column the time in microseconds; 0 is none.
// The column has an index, which may leave out 0.
func (db *DB) Purge(ctx context.Context, table, key, column string, before time.Time) error {
	query := func(ctx context.Context, row func(scan func(...any) error) error, query string, args ...any) error {
		return db.Query(ctx, nil, row, query, args...)
	}
	return rows.Purge(ctx, query, db.System(), table, key, column, before)
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	for _, pool := range db.pools {
		if err := pool.PingContext(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close closes all connections.
func (db *DB) Close() error {
	var errs []error
	for _, pool := range db.pools {
		errs = append(errs, pool.Close())
	}
	return errors.Join(errs...)
}
