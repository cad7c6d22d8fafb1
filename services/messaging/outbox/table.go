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

// A Database is how an outbox and an inbox reach the database that has their tables (package migrations): two methods, for
// any library. T is a transaction there, such as *sql.Tx or pgx.Tx.
type Database[T any] interface {
	// Transaction runs fn in a transaction and commits it, or rolls it back if fn returns an error or panics.
	Transaction(ctx context.Context, fn func(tx T) error) error

	// Query runs a statement with the placeholders $1, $2 and so on, in a transaction, or on its own if tx is T's zero
	// value. It calls row for each row of the result, which scan reads, and returns what row returns if that is an error.
	Query(ctx context.Context, tx T, row func(scan func(columns ...any) error) error, query string, args ...any) error
}

// DatabaseError marks an error of the database that says nothing about the message in hand: as messaging.Unavailable, if
// every statement would meet it, or messaging.Contended, if others hold what this one needs. Postgres's errors must be
// pgx's. A handler passes the errors of its own statements through it: otherwise an outage of the database spends the
// deliveries of messages. Errors of package database are marked already.
func DatabaseError(ctx context.Context, err error) error { return dberror.Classify(ctx, err) }

// A Table is the outbox outside of transactions, and the inbox beside it.
type Table struct {
	system    string
	query     rows.Query
	streams   *messaging.Streams
	committed chan struct{} // a signal to the relay, at most one waiting
}

// ignore is for a statement that returns nothing.
func ignore(func(...any) error) error { return nil }

// arguments are a statement's.
type arguments []any

// add takes one more and returns its placeholder.
func (a *arguments) add(value any) string {
	*a = append(*a, value)
	return "$" + strconv.Itoa(len(*a))
}

// list takes more, at least one, and returns their placeholders. It repeats the last until their number is a power of two:
// each number makes a statement of its own, which Postgres prepares and keeps, on every connection.
func (a *arguments) list(values []string) string {
	var places []string
	for i := 0; i < len(values) || i&(i-1) != 0; i++ {
		places = append(places, a.add(values[min(i, len(values)-1)]))
	}
	return strings.Join(places, ", ")
}

// now is SQL for the time by the database's clock, in microseconds since 1970: times that one process writes and another
// compares must not depend on their own clocks. It does not pass while a statement runs. (Processes that share a SQLite
// file are on one machine.)
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
