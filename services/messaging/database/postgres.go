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

// connections is the most that a process opens. Postgres's default of a hundred is enough for five processes.
const connections = 20

// lockPatience is how long a statement waits for a lock: not long, because its worker could process other messages, but longer
// than 1 s, after which Postgres finds a deadlock and ends one of its transactions. At 1 s all of them would end.
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
		// A process that hangs, or whose machine is lost, does not keep its locks. No handler may take this long.
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

// A migrationLock makes processes that start at once migrate one after the other. Goose's own lock polls only once a second.
// (Goose's allows CREATE INDEX CONCURRENTLY, which SQLite does not have.)
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

// An impatientConn gives up on a server that has vanished. Each request waits a little longer than the server's own timeout.
type impatientConn struct{ net.Conn }

func (c impatientConn) Write(request []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(patience + time.Second)); err != nil {
		return 0, err
	}
	return c.Conn.Write(request)
}

// A postgresDialector also classifies errors that come after the first row of a result, which Ask does not see. A lock timeout
// comes like that, if the row is not the first.
type postgresDialector struct{ *postgres.Dialector }

// Translate implements gorm.ErrorTranslator.
func (d postgresDialector) Translate(err error) error {
	return dberror.Classify(context.Background(), d.Dialector.Translate(err))
}
