package outbox

import (
	"context"
	"strconv"
	"strings"
	"time"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/internal/dberror"
	"example.com/clew/services/messaging/internal/rows"
)

// A Database connects an outbox and an inbox to the database with their tables (package migrations). Its two methods can be
// written for any library. T is that library's transaction, such as *sql.Tx or pgx.Tx.
type Database[T any] interface {
	// Transaction runs fn in a transaction and commits it, or rolls it back if fn returns an error or panics.
	Transaction(ctx context.Context, fn func(tx T) error) error

	// Query runs a statement with the placeholders $1, $2 and so on, in a transaction, or on its own if tx is T's zero
	// value. It calls row for each row of the result; scan reads the row. An error of row ends it and is returned.
	Query(ctx context.Context, tx T, row func(scan func(columns ...any) error) error, query string, args ...any) error
}

// DatabaseError marks an error of the database that is not the message's fault: messaging.Unavailable if every statement would
// fail, messaging.Contended if other transactions hold what this one needs. It knows SQLite's errors, and Postgres's as pgx
// returns them. Pass the errors of a handler's own statements through it; else an outage of the database spends the deliveries
// of messages. Errors of package database are marked already.
func DatabaseError(ctx context.Context, err error) error { return dberror.Classify(ctx, err) }

// A Table is the tables of outbox and inbox, for use outside of a service's transactions.
type Table struct {
	system    string
	query     rows.Query
	streams   *messaging.Streams
	committed chan struct{} // a signal to the relay, at most one waiting
}

// ignore is the row function of a statement that returns no rows.
func ignore(func(...any) error) error { return nil }

// arguments are the arguments of a statement.
type arguments []any

// add takes one more and returns its placeholder.
func (a *arguments) add(value any) string {
	*a = append(*a, value)
	return "$" + strconv.Itoa(len(*a))
}

// list adds one or more, and returns their placeholders. It repeats the last until their number is a power of two, so that
// there are few different statements: Postgres prepares and keeps each, on every connection.
func (a *arguments) list(values []string) string {
	var places []string
	for i := 0; i < len(values) || i&(i-1) != 0; i++ {
		places = append(places, a.add(values[min(i, len(values)-1)]))
	}
	return strings.Join(places, ", ")
}

// now is SQL for the database's time, in microseconds since 1970. One process writes such times and another compares them, so
// they must not depend on the processes' clocks. It stands still during a statement. (Processes that share a SQLite file are
// on one machine.)
func (t *Table) now(args *arguments) string {
	if t.system == "sqlite" {
		return args.add(time.Now().UnixMicro())
	}
	return "(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000)::BIGINT"
}

func (t *Table) wake() {
	select {
	case t.committed <- struct{}{}:
	default:
	}
}
