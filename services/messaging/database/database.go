// Package database opens the database in which a service keeps its own rows, its outbox and its inbox: one
// transaction spans them all. It also creates the outbox's and the inbox's tables, and makes statements visible as
// spans.
package database

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"runtime"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/pressly/goose/v3"
	"go.opentelemetry.io/otel/trace"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// busyTimeout is how long a statement waits for SQLite's lock.
const busyTimeout = 3 * time.Second

//go:embed migrations/*.sql
var migrations embed.FS

// A DB is an open database. Write is for transactions and changes, Read for everything else: on SQLite they are a
// single connection that takes the write lock at once and a pool that cannot write, so that readers never wait for
// writers and two writers never deadlock.
type DB struct {
	Write *gorm.DB
	Read  *gorm.DB

	pools []*sql.DB
}

// Open opens the database at a URL such as sqlite:///var/lib/clew/order.db and brings its tables up to date: those of
// the outbox and the inbox, then the service's own, a file system of goose migrations. Spans of statements go to tp;
// only statements with a recording parent have one. The caller closes the database.
func Open(ctx context.Context, databaseURL string, own fs.FS, tp trace.TracerProvider) (*DB, error) {
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		return nil, errors.New("the database's URL cannot be read, expected sqlite:///path/to/file")
	}
	path := parsed.Host + parsed.Path // the host is the first part of a relative path
	if parsed.Scheme != "sqlite" || path == "" {
		return nil, fmt.Errorf("the database's URL is %q, expected sqlite:///path/to/file", parsed.Redacted())
	}
	db, err := openSQLite(path, tp)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	messaging, err := fs.Sub(migrations, "migrations")
	if err == nil {
		err = errors.Join(db.migrate(ctx, messaging, "goose_messaging"), db.migrate(ctx, own, "goose_service"))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("migrate database %s: %w", path, err), db.Close())
	}
	return db, nil
}

func openSQLite(path string, tp trace.TracerProvider) (*DB, error) {
	settings := url.Values{"_pragma": {
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
	}}
	reading := url.Values{"_pragma": append(settings["_pragma"], "query_only(1)")}
	settings.Set("_txlock", "immediate")

	db := &DB{}
	open := func(settings url.Values, connections int) (*gorm.DB, error) {
		pool, err := sql.Open(sqlite.DriverName, "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+settings.Encode())
		if err != nil {
			return nil, err
		}
		db.pools = append(db.pools, pool)
		pool.SetMaxOpenConns(connections)
		pool.SetMaxIdleConns(connections)
		return gorm.Open(sqlite.Dialector{Conn: tracePool(pool, "sqlite", tp)}, &gorm.Config{
			SkipDefaultTransaction: true, TranslateError: true,
			Logger: logger.Discard, // errors are returned, and slow statements are spans
		})
	}
	var err error
	if db.Write, err = open(settings, 1); err == nil {
		db.Read, err = open(reading, max(4, runtime.GOMAXPROCS(0)))
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// migrate applies the migrations that are not recorded in the table yet.
func (db *DB) migrate(ctx context.Context, migrations fs.FS, table string) error {
	provider, err := goose.NewProvider(goose.DialectSQLite3, db.pools[0], migrations, goose.WithTableName(table))
	if err == nil {
		_, err = provider.Up(ctx)
	}
	return err
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
