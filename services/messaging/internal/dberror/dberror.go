// Package dberror classifies errors of a database: an outage, contention, or the statement's own.
package dberror

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

// late marks the error of a context that had ended before the statement began: it says nothing about the database.
type late struct{ error }

func (l late) Unwrap() error { return l.error }

// ErrNoConnection says that no connection of the pool was free in time.
var ErrNoConnection = errors.New("no connection to the database was free in time")

// Ask runs a statement. Its error is messaging.Unavailable if the database could not be reached, and messaging.Contended if it
// was too slow or others had locked the rows. The error of a ctx that was cancelled, or had ended before, is not marked.
func Ask[R any](ctx context.Context, run func(context.Context) (R, error)) (R, error) {
	ended := ctx.Err() != nil
	result, err := run(ctx)
	switch {
	case err == nil:
		return result, nil
	case ended:
		return result, late{err}
	}
	return result, Classify(ctx, err)
}

// Classify marks an error of a database as Ask does.
func Classify(ctx context.Context, err error) error {
	var already late
	switch {
	case err == nil, errors.As(err, &already), errors.Is(err, context.Canceled), errors.Is(ctx.Err(), context.Canceled):
		return err
	case IsOutage(err):
		return messaging.Unavailable(err)
	case IsContention(err), errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil:
		return messaging.Contended(err)
	}
	return err
}

// IsOutage reports whether every statement would fail with err.
func IsOutage(err error) bool {
	var connecting *pgconn.ConnectError
	var postgres *pgconn.PgError
	var sqlite interface{ Code() int }
	var network net.Error
	switch {
	case errors.As(err, &connecting):
		return true
	case errors.Is(err, context.DeadlineExceeded): // it is a net.Error too
		return false
	case errors.As(err, &postgres):
		return isPostgresOutage(postgres.Code) ||
			postgres.Routine == "RevalidateCachedQuery" // a migration by another process: the statement is prepared anew
	case errors.As(err, &sqlite):
		return isSQLiteOutage(sqlite.Code())
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, ErrNoConnection),
		errors.Is(err, pgconn.ErrConnClosed), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return true
	}
	return errors.As(err, &network)
}

// isPostgresOutage reports whether a code of Postgres (https://www.postgresql.org/docs/15/errcodes-appendix.html) means an
// outage.
func isPostgresOutage(code string) bool {
	switch code {
	case "25006", // read-only: a standby, after a failover
		"25P03", "25P04", // the transaction was idle, or took, for too long
		"26000", "42P05": // prepared statements got lost, or mixed up: by a pooler
		return true
	}
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "53") || // connection, resources
		strings.HasPrefix(code, "57P") // shutdown, crash, cannot connect now
}

// isSQLiteOutage reports whether a result code of SQLite (https://sqlite.org/rescode.html) means an outage.
func isSQLiteOutage(code int) bool {
	switch code & 0xff { // the rest says more
	case 8, 10, 13, 14: // read-only, input/output error, full, cannot open
		return true
	}
	return false
}

// IsContention reports whether a statement failed because of other transactions' locks or of load.
func IsContention(err error) bool {
	var postgres *pgconn.PgError
	var sqlite interface{ Code() int }
	switch {
	case errors.As(err, &postgres):
		switch postgres.Code {
		case "55P03", "57014", // lock timeout, statement timeout
			"40001", "40P01": // serialization failure, deadlock
			return true
		}
	case errors.As(err, &sqlite):
		code := sqlite.Code() & 0xff
		return code == 5 || code == 6 // busy, locked: for longer than the busy timeout
	}
	return false
}
