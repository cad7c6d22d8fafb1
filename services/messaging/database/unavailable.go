package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/clew/services/messaging"
)

// unavailable marks an error that says nothing about the statement: the database could not be asked. Whatever wanted to
// ask is to be tried again once it can. An error of who stopped asking, because ctx ended, stays as it is.
func unavailable(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if isOutage(err) {
		return messaging.Unavailable(err)
	}
	return err
}

func isOutage(err error) bool {
	var connecting *pgconn.ConnectError
	var postgres *pgconn.PgError
	var sqlite interface{ Code() int }
	var network net.Error
	switch {
	case errors.As(err, &connecting):
		return true
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded): // a transaction's context
		return false
	case errors.As(err, &postgres):
		return isPostgresOutage(postgres.Code) ||
			postgres.Routine == "RevalidateCachedQuery" // a migration by another process: the statement is prepared anew
	case errors.As(err, &sqlite):
		return isSQLiteOutage(sqlite.Code())
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, errNoConnection),
		errors.Is(err, pgconn.ErrConnClosed), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return true
	}
	return errors.As(err, &network)
}

// isPostgresOutage tells the codes of Postgres (https://www.postgresql.org/docs/15/errcodes-appendix.html) that are the
// database's trouble, or another transaction's.
func isPostgresOutage(code string) bool {
	switch code {
	case "57P01", "57P02", "57P03", // shutdown, crash, cannot connect now
		"57014", "55P03", "25P03", // statement timeout, lock timeout, idle in transaction timeout
		"40001", "40P01", // serialization failure, deadlock
		"25006": // read-only: a replica, after a failover
		return true
	}
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "53") // connection, resources
}

// isSQLiteOutage tells the result codes of SQLite (https://sqlite.org/rescode.html) that are the database's trouble.
func isSQLiteOutage(code int) bool {
	switch code & 0xff { // the rest says more
	case 5, 6, // busy, locked: for longer than the busy timeout
		8, 10, 13, 14: // read-only, input/output error, full, cannot open
		return true
	}
	return false
}
