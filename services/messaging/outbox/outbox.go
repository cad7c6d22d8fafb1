// Package outbox publishes the messages of a transaction if it commits, and only then: the transaction writes them as rows,
// and a relay adds the rows to their streams afterwards, retrying until that succeeds.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/internal/conventions"
	"example.com/clew/services/messaging/internal/rows"
)

// An Outbox takes the messages of a service's transactions. T is the database's transaction.
type Outbox[T any] struct {
	*Table
	db     Database[T]
	tracer trace.Tracer
}

// New returns the outbox in a database, which publishes to streams. system is the database's name in OpenTelemetry's
// conventions, postgresql or sqlite: with another one New panics.
func New[T any](db Database[T], system string, streams *messaging.Streams) *Outbox[T] {
	if system != "postgresql" && system != "sqlite" {
		panic(fmt.Sprintf("the outbox's database is %q, expected postgresql or sqlite", system))
	}
	query := func(ctx context.Context, row func(scan func(...any) error) error, query string, args ...any) error {
		var none T
		return DatabaseError(ctx, db.Query(ctx, none, row, query, args...))
	}
	return &Outbox[T]{
		Table:  &Table{system: system, query: query, streams: streams, committed: make(chan struct{}, 1)},
		db:     db,
		tracer: streams.TracerProvider.Tracer(conventions.Scope, trace.WithSchemaURL(semconv.SchemaURL)),
	}
}

// A Tx is a transaction that can create messages. It must not be used after its function has returned.
type Tx[T any] struct {
	DB T // the transaction itself, for the rows of the service

	outbox    *Outbox[T]
	cause     string // id of the event that the transaction answers
	creates   []trace.Span
	due       bool // there is something to publish
	committed []func()
}

var errRolledBack = errors.New("transaction was rolled back")

// Transaction runs fn in a transaction and commits it, or rolls it back if fn returns an error or panics. Once it has
// committed, the relay of this process is woken.
func (o *Outbox[T]) Transaction(ctx context.Context, fn func(ctx context.Context, tx *Tx[T]) error) (err error) {
	tx := &Tx[T]{outbox: o}
	err = errRolledBack // if fn panics
	defer func() { tx.end(err) }()
	var failed error
	err = o.db.Transaction(ctx, func(db T) error {
		tx.DB = db
		failed = fn(ctx, tx)
		return failed
	})
	if failed == nil {
		err = DatabaseError(ctx, err)
	}
	return err
}

// Answer is Transaction for the processing of an event. The messages that it creates have the event's id as their cause, so
// that Republish finds them.
func (o *Outbox[T]) Answer(ctx context.Context, cause string, fn func(ctx context.Context, tx *Tx[T]) error) error {
	return o.Transaction(ctx, func(ctx context.Context, tx *Tx[T]) error {
		tx.cause = cause
		return fn(ctx, tx)
	})
}

// Create writes a message of an event to the outbox. It is published once the transaction has committed.
func Create[T any, S messaging.Stream](ctx context.Context, tx *Tx[T], event messaging.Event[S]) error {
	return CreateAround(ctx, tx, func(context.Context) (messaging.Event[S], error) { return event, nil })
}

// CreateAround runs fn and creates a message of the event that fn returns. The message's create span covers fn and ends with
// the transaction, as failed if that does not commit. It is the message's creation context.
func CreateAround[T any, S messaging.Stream](
	ctx context.Context, tx *Tx[T], fn func(ctx context.Context) (messaging.Event[S], error),
) error {
	var stream S
	ctx, span := tx.outbox.tracer.Start(ctx, "create "+stream.Name(), trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(conventions.Operation("create", semconv.MessagingOperationTypeCreate, stream.Name())...))
	tx.creates = append(tx.creates, span)
	event, err := fn(ctx)
	if err != nil {
		return err
	}
	m, err := messaging.NewMessage(ctx, event)
	if err != nil {
		return messaging.Permanent(err)
	}
	span.SetAttributes(conventions.Message(m.ID, m.Subject, m.Type)...)
	m.Source = tx.outbox.streams.Source
	r := rowOf(m, tx.cause)
	if err := tx.query(ctx, ignore, insertRow, r.fields()...); err != nil {
		return fmt.Errorf("write %s to the outbox: %w", m.Type, err)
	}
	tx.due = true
	return nil
}

// Republish makes the relay publish again the messages that an event caused: an event that is delivered again may mean that
// its answer was lost.
func (tx *Tx[T]) Republish(ctx context.Context, cause string) error {
	tx.due = true
	return tx.query(ctx, ignore, "UPDATE outbox SET published_at = 0, leased_until = 0, replayed = 1 WHERE id IN ("+
		rows.Locked(tx.outbox.system, "SELECT id FROM outbox WHERE cause_id = $1 ORDER BY id")+")", cause)
}

// Note records that a group has processed an event, and reports whether that is new. It is for package inbox.
func (tx *Tx[T]) Note(ctx context.Context, group, event string) (first bool, err error) {
	err = tx.query(ctx, func(scan func(...any) error) error {
		first = true
		return scan(new(int64))
	}, "INSERT INTO inbox (consumer_group, event_id, processed_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING processed_at",
		group, event, time.Now().UnixMicro())
	return first, err
}

// query runs a statement in the transaction.
func (tx *Tx[T]) query(ctx context.Context, row func(scan func(...any) error) error, query string, args ...any) error {
	return DatabaseError(ctx, tx.outbox.db.Query(ctx, tx.DB, row, query, args...))
}

// OnCommit makes fn run once the transaction has committed, and never if it does not. It is meant for counters.
func (tx *Tx[T]) OnCommit(fn func()) { tx.committed = append(tx.committed, fn) }

// end is called with the transaction's result.
func (tx *Tx[T]) end(err error) {
	for _, span := range tx.creates {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
			span.SetAttributes(semconv.ErrorTypeKey.String(messaging.Classify(err)))
		}
		span.End()
	}
	if err != nil {
		return
	}
	if tx.due {
		tx.outbox.wake()
	}
	for _, fn := range tx.committed {
		fn()
	}
}
