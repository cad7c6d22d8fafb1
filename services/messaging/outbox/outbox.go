// Package outbox publishes messages exactly when the transaction that makes them commits: the transaction writes them
// as rows, and a relay adds the rows to their streams afterwards, as often as it takes.
package outbox

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"gorm.io/gorm"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/internal/conventions"
)

// An Outbox is where a service's transactions leave their messages.
type Outbox struct {
	db        *database.DB
	streams   *messaging.Streams
	tracer    trace.Tracer
	committed chan struct{} // a signal to the relay, at most one waiting
}

// New returns the outbox in a database, whose messages travel on the streams.
func New(db *database.DB, streams *messaging.Streams) *Outbox {
	return &Outbox{
		db: db, streams: streams, committed: make(chan struct{}, 1),
		tracer: streams.TracerProvider.Tracer(conventions.Scope, trace.WithSchemaURL(semconv.SchemaURL)),
	}
}

// A Tx is a transaction that can leave messages.
type Tx struct {
	*gorm.DB

	outbox    *Outbox
	cause     string // id of the event that the transaction answers
	creates   []trace.Span
	due       bool // something for the relay
	committed []func()
}

var errRolledBack = errors.New("transaction was rolled back")

// Transaction runs fn in a transaction and commits it, or rolls it back if fn returns an error or panics. Once it has
// committed, the relay of this process is woken.
func (o *Outbox) Transaction(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) (err error) {
	tx := &Tx{outbox: o}
	err = errRolledBack // what a panic leaves behind
	defer func() { tx.end(err) }()
	err = o.db.Write.WithContext(ctx).Transaction(func(db *gorm.DB) error {
		tx.DB = db
		return fn(ctx, tx)
	})
	return err
}

// Answer is Transaction for what is done because of an event: the messages that it leaves name the event as their
// cause, so that Republish finds them.
func (o *Outbox) Answer(ctx context.Context, cause string, fn func(ctx context.Context, tx *Tx) error) error {
	return o.Transaction(ctx, func(ctx context.Context, tx *Tx) error {
		tx.cause = cause
		return fn(ctx, tx)
	})
}

// Create leaves an event as a message.
func Create[S messaging.Stream](ctx context.Context, tx *Tx, event messaging.Event[S]) error {
	return CreateAround(ctx, tx, func(context.Context) (messaging.Event[S], error) { return event, nil })
}

// CreateAround does the work that fn does, and leaves the event that fn returns as a message. The span of creating the
// message covers fn and ends with the transaction, failed if that does not commit. It is the message's creation context.
func CreateAround[S messaging.Stream](
	ctx context.Context, tx *Tx, fn func(ctx context.Context) (messaging.Event[S], error),
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
	if err := gorm.G[row](tx.DB).Create(ctx, &r); err != nil {
		return fmt.Errorf("write %s to the outbox: %w", m.Type, err)
	}
	tx.due = true
	return nil
}

// Republish makes the relay add once more what was left because of an event: whoever repeats a question may have
// missed the answer.
func (tx *Tx) Republish(ctx context.Context, cause string) error {
	tx.due = true
	db := tx.WithContext(ctx)
	return db.Exec("UPDATE outbox SET published_at = 0, leased_until = 0, replayed = 1 WHERE id IN (?)",
		inOrder(db, "cause_id = ?", cause)).Error
}

// OnCommit makes fn run when the transaction has committed, and not at all if it does not: that is where to count what
// was done.
func (tx *Tx) OnCommit(fn func()) { tx.committed = append(tx.committed, fn) }

// end is called with the transaction's result.
func (tx *Tx) end(err error) {
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

func (o *Outbox) wake() {
	select {
	case o.committed <- struct{}{}:
	default:
	}
}
