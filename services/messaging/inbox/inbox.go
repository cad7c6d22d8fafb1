// Package inbox makes the effect of a message happen once, however often the message is delivered: the transaction of
// the effect also writes the event's id, and a later delivery finds it there, for 8 days (messaging.InboxRetention).
package inbox

import (
	"context"
	"fmt"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/outbox"
)

// An Inbox records which events one consumer group has processed. T is the database's transaction.
type Inbox[T any] struct {
	outbox *outbox.Outbox[T]
	group  string
}

// New returns the inbox of a group. It is in the database of the outbox o, which takes the group's answers.
func New[T any](o *outbox.Outbox[T], group string) *Inbox[T] { return &Inbox[T]{o, group} }

// Once returns a function for messaging.On that runs effect and records the event in one transaction. For an event that is
// recorded already, it does not run effect but publishes its answers again, in case they were lost, and returns
// messaging.ErrDuplicate.
func Once[T, E any](
	in *Inbox[T], effect func(ctx context.Context, tx *outbox.Tx[T], event E) error,
) func(ctx context.Context, event E, m messaging.Message) error {
	return func(ctx context.Context, event E, m messaging.Message) error {
		duplicate := false
		err := in.outbox.Answer(ctx, m.ID, func(ctx context.Context, tx *outbox.Tx[T]) error {
			first, err := tx.Note(ctx, in.group, m.ID)
			if err != nil {
				return fmt.Errorf("write %s to the inbox: %w", m.Type, err)
			}
			if duplicate = !first; duplicate {
				return tx.Republish(ctx, m.ID)
			}
			return effect(ctx, tx, event)
		})
		if err == nil && duplicate {
			return messaging.ErrDuplicate
		}
		return err
	}
}
