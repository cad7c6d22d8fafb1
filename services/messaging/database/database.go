// Package database opens the database in which a service keeps its own rows, its outbox and its inbox: one
// transaction spans them all. It also creates the outbox's and the inbox's tables, and makes statements visible as
// spans and metrics.
package database

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/trace"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// patience is how long a statement waits for a connection, on SQLite for the lock and on Postgres for its result. It is
// shorter than what a handler or a request may take, so that these learn what they met.
const patience = 3 * time.Second

//go:embed migrations/*.sql
var migrations embed.FS

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
	messaging, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	for _, set := range []struct {
		files fs.FS
		table string
	}{{messaging, "goose_messaging"}, {own, "goose_service"}} {
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
