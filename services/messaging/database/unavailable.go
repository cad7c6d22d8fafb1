package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"example.com/clew/services/messaging"
)

// unavailable marks an error that says nothing about the statement: the database could not be asked. Whatever wanted to
// ask is to be tried again once it can.
func unavailable(err error) error {
	var coded interface{ Code() int }
	switch {
	case err == nil:
		return nil
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, errNoConnection):
		return messaging.Unavailable(err)
	case errors.As(err, &coded) && isOutage(coded.Code()):
		return messaging.Unavailable(err)
	}
	return err
}

// isOutage tells the result codes of SQLite (https://sqlite.org/rescode.html) that are the database's trouble.
func isOutage(code int) bool {
	switch code & 0xff { // the rest says more
	case 5, 6, // busy, locked: for longer than the busy timeout
		8, 10, 13, 14: // read-only, input/output error, full, cannot open
		return true
	}
	return false
}

var errNoConnection = errors.New("no connection to the database was free in time")

// connection waits for a connection, but not for ever: with one writer, a transaction that hangs would hang all others.
func connection(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	waiting, cancel := context.WithTimeout(ctx, busyTimeout)
	defer cancel()
	conn, err := db.Conn(waiting)
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		return nil, errNoConnection
	}
	return conn, err
}
