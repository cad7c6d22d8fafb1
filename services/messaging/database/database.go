// Package database opens a service's database, SQLite or Postgres, through GORM. The service's own rows, its outbox and its
// inbox are in one database, so that one transaction covers them all. The package also creates the tables of outbox and inbox,
// and records statements as spans and metrics.
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

// patience is how long a statement waits for a connection, on SQLite for the lock, on Postgres for its result. It is shorter
// than the timeout of a handler or a request, so that they still get the error.
const patience = 3 * time.Second

// A DB is an open database. Write is for transactions and changes, Read for everything else. On Postgres they are the same
// pool. On SQLite, Write is one connection that takes the write lock at once, and Read a pool that cannot write: so readers
// never wait for writers, and writers never deadlock.
type DB struct {
	Write *gorm.DB
	Read  *gorm.DB

	instrumentation *instrumentation
	pools           []*sql.DB
	file            *sqliteFile // nil on Postgres
	begin           string      // statements at the begin of each transaction, or empty
}

// Open opens the database at a URL such as sqlite:///var/lib/clew/order.db or postgres://order:secret@db/order, and migrates
// it: first the tables of outbox and inbox, then own, the service's goose migrations. Several processes may do so at the same
// time. tp gets a span of each statement whose context has a recording span. reg, if not nil, gets the metrics; a registry can
// hold those of one database. The error does not repeat the URL, which may hold a password. The caller closes the database.
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

// add sets the number of a pool's connections and opens it for GORM. Close will close it.
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
	return gorm.Open(dialector(tracedPool{pool, db.instrumentation, db.begin}), &gorm.Config{
		SkipDefaultTransaction: true, TranslateError: true,
		Logger: logger.Discard, // errors are returned, and slow statements are spans
	})
}

// migrate applies new migrations. Each of the two sets has a version table of its own.
func migrate(ctx context.Context, dialect goose.Dialect, pool *sql.DB, own fs.FS) error {
	for _, set := range []struct {
		files fs.FS
		table string
	}{{migrations.FS, "goose_messaging"}, {own, "goose_service"}} {
		provider, err := goose.NewProvider(dialect, pool, set.files, goose.WithTableName(set.table))
		if err == nil {
			_, err = provider.Up(ctx)
		}
		var there, known int64
		if err == nil {
			there, known, err = provider.GetVersions(ctx)
		}
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		if there > known { // goose takes it for up to date
			return fmt.Errorf("the schema in %s has version %d, and this program knows no version above %d: "+
				"start the newer program that made it, or use another database", set.table, there, known)
		}
	}
	return nil
}

// System returns the database's name in OpenTelemetry's conventions (db.system.name): postgresql or sqlite.
func (db *DB) System() string { return db.instrumentation.system }

// Transaction runs fn in a transaction and commits it, or rolls it back if fn returns an error or panics.
func (db *DB) Transaction(ctx context.Context, fn func(tx *gorm.DB) error) error {
	return db.Write.WithContext(ctx).Transaction(fn)
}

// Query runs a statement with the placeholders $1, $2 and so on, in a transaction, or on its own if tx is nil. It calls row
// for each row of the result; scan reads the row. An error of row ends it and is returned.
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

// Exec runs a statement without a result in a transaction, like Query, and returns how many rows it has changed. It spares
// what GORM needs to make a statement of a struct.
func (db *DB) Exec(ctx context.Context, tx *gorm.DB, statement string, args ...any) (changed int64, err error) {
	result, err := tx.Statement.ConnPool.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Purge deletes the rows of a table whose time is earlier than before, in batches: if one fails, the earlier ones stay
// deleted. Rows that others have locked stay. key is the table's primary key, column the time in microseconds, 0 for none. The
// column must have an index, which may leave out 0.
func (db *DB) Purge(ctx context.Context, table, key, column string, before time.Time) error {
	query := func(ctx context.Context, row func(scan func(...any) error) error, query string, args ...any) error {
		return db.Query(ctx, nil, row, query, args...)
	}
	return rows.Purge(ctx, query, db.System(), table, key, column, before)
}

// Ping returns an error if the database does not answer, if Postgres takes no writes, or if SQLite's file is not the one in
// its place any more.
func (db *DB) Ping(ctx context.Context) error {
	if db.file == nil {
		if _, err := db.pools[0].ExecContext(ctx, "DELETE FROM outbox WHERE FALSE"); err != nil { // which a standby refuses
			return fmt.Errorf("the database takes no writes: %w", err)
		}
		return nil
	}
	if err := db.file.inPlace(); err != nil {
		return err
	}
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
