package database

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"maps"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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
	config, err := configPostgres(databaseURL)
	if err != nil {
		return err
	}
	pooled, err := isPooled(ctx, config)
	if err != nil {
		return err
	}
	if pooled && !databaseURL.Query().Has("default_query_exec_mode") {
		config.DefaultQueryExecMode = pgx.QueryExecModeExec // prepares nothing
	}
	if err := migratePostgres(ctx, *config, own); err != nil {
		return err
	}

	milliseconds := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	limits := map[string]string{
		"statement_timeout": milliseconds(patience),
		"lock_timeout":      milliseconds(lockPatience),
		// A process that hangs, or whose machine is lost, does not keep its locks. No handler may take this long.
		"idle_in_transaction_session_timeout": milliseconds(5 * patience),
	}
	if pooled { // it refuses such parameters, and what a session sets would stay for others
		for name, value := range limits {
			db.begin += "SET LOCAL " + name + " = " + value + ";"
		}
	} else {
		maps.Copy(config.RuntimeParams, limits)
		config.RuntimeParams["default_transaction_isolation"] = "read committed"
	}
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

// configPostgres makes connections end as soon as their server is not, or no longer, the one to use: whoever needs one then
// dials again, and the address may lead to another server.
func configPostgres(databaseURL *url.URL) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(databaseURL.String())
	if err != nil {
		return nil, err
	}
	hosts := map[string]bool{config.Host + strconv.Itoa(int(config.Port)): true}
	for _, other := range config.Fallbacks {
		hosts[other.Host+strconv.Itoa(int(other.Port))] = true
	}
	config.ConnectTimeout = patience / time.Duration(len(hosts)) // which holds for each
	if !databaseURL.Query().Has("target_session_attrs") {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite // no standby
	}
	keep := config.OnPgError
	config.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		return keep(conn, err) && !dberror.IsOutage(err)
	}
	return config, nil
}

// isPooled reports whether a pooler such as PgBouncer is in between. It numbers connections itself, and Postgres by its
// processes. Each transaction may then be on another connection to Postgres: nothing that a session keeps can be relied on.
func isPooled(ctx context.Context, config *pgx.ConnConfig) (bool, error) {
	conn, err := pgconn.ConnectConfig(ctx, &config.Config)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(ctx) }()
	results, err := conn.Exec(ctx, "SELECT pg_backend_pid()").ReadAll() // prepares nothing, whatever the encoding
	if err != nil {
		return false, err
	}
	process, err := strconv.ParseUint(string(results[0].Rows[0][0]), 10, 32)
	return uint32(process) != conn.PID(), err
}

// migratePostgres has connections of its own, because a migration may take long.
func migratePostgres(ctx context.Context, config pgx.ConnConfig, own fs.FS) (err error) {
	pool := stdlib.OpenDB(config)
	defer func() { _ = pool.Close() }()
	unlock, err := lockPostgres(ctx, pool)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return migrate(ctx, goose.DialectPostgres, pool, own)
}

const (
	migrationLock     = 0x636c6577 // "clew"
	migrationLockPoll = 50 * time.Millisecond
)

// lockPostgres makes processes that start at once migrate one after the other. (Goose's own lock polls only once a second.)
// The lock is a transaction's, because a session's would stay with a pooler. Who waits polls, because waiting for the lock
// would take connections of the pooler that the migration needs.
func lockPostgres(ctx context.Context, pool *sql.DB) (unlock func() error, err error) {
	for {
		tx, err := pool.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		var locked bool
		err = tx.QueryRowContext(ctx, "SELECT set_config('idle_in_transaction_session_timeout', '0', true) = '0' "+
			"AND pg_try_advisory_xact_lock($1)", migrationLock).Scan(&locked)
		if locked {
			return tx.Rollback, nil
		}
		if err = errors.Join(err, tx.Rollback()); err != nil {
			return nil, err
		}
		select {
		case <-time.After(migrationLockPoll):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
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
