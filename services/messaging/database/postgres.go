package database

import (
	"context"
	"database/sql"
	"io/fs"
	"maps"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"example.com/clew/services/messaging/internal/dberror"
)

// connections is how many a process has at most. Postgres's default lets a hundred in, which is enough for five.
const connections = 20

// lockPatience is how long a statement waits for a lock. The worker that it holds up has other messages to process. But
// Postgres looks for deadlocks after 1 s, and ends one of the transactions: at 1 s all of them would end.
const lockPatience = 1200 * time.Millisecond

func (db *DB) openPostgres(ctx context.Context, databaseURL *url.URL, own fs.FS, reg prometheus.Registerer) error {
	db.instrumentation.system = "postgresql"
	config, err := pgx.ParseConfig(databaseURL.String())
	if err != nil {
		return err
	}
	config.ConnectTimeout = patience
	if err := migratePostgres(ctx, *config, own); err != nil {
		return err
	}

	milliseconds := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	maps.Copy(config.RuntimeParams, map[string]string{
		"default_transaction_isolation": "read committed",
		"statement_timeout":             milliseconds(patience),
		"lock_timeout":                  milliseconds(lockPatience),
		// A process that hangs, or whose machine is gone, does not keep its locks. No handler may take so long.
		"idle_in_transaction_session_timeout": milliseconds(5 * patience),
	})
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return impatientConn{conn}, nil
	}
	db.Write, err = db.add(stdlib.OpenDB(*config), "postgres", connections, reg, func(conn gorm.ConnPool) gorm.Dialector {
		return postgresDialector{&postgres.Dialector{Config: &postgres.Config{Conn: conn}}}
	})
	db.Read = db.Write
	return err
}

// migratePostgres has connections of its own, because a migration may take long.
func migratePostgres(ctx context.Context, config pgx.ConnConfig, own fs.FS) error {
	pool := stdlib.OpenDB(config)
	defer func() { _ = pool.Close() }()
	return migrate(ctx, goose.DialectPostgres, pool, own, goose.WithSessionLocker(migrationLock{}))
}

// A migrationLock lets one of several processes that start at once migrate while the others wait. Goose's own looks
// only every second whether it is its turn. (Theirs allows CREATE INDEX CONCURRENTLY, which SQLite does not have.)
type migrationLock struct{}

const migrationLockID = 0x636c6577 // "clew"

func (migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", migrationLockID)
	return err
}

func (migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", migrationLockID)
	return err
}

// An impatientConn does not wait for ever for a server that has vanished without a word. Each request to the server
// gives it a little more time than the server gives itself.
type impatientConn struct{ net.Conn }

func (c impatientConn) Write(request []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(patience + time.Second)); err != nil {
		return 0, err
	}
	return c.Conn.Write(request)
}

// A postgresDialector classifies also errors that come after the first row of a result, which Ask does not see. A lock
// that is not free in time comes like that, if it is not the first.
type postgresDialector struct{ *postgres.Dialector }

// Translate implements gorm.ErrorTranslator.
func (d postgresDialector) Translate(err error) error {
	return dberror.Classify(context.Background(), d.Dialector.Translate(err))
}
