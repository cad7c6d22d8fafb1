// Package inbox makes the effect of a message happen once, however often the message is delivered: the transaction of
// the effect also writes the event's id, and a second one finds it there, for 8 days (messaging.InboxRetention).
package inbox

import (
	"context"
	"fmt"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/outbox"
)

// An Inbox knows which events one consumer group has processed, in a database whose transactions are Ts.
type Inbox[T any] struct {
	outbox *outbox.Outbox[T]
	group  string
}

// New returns the inbox of a group, in the database of the outbox that takes the group's answers.
func New[T any](o *outbox.Outbox[T], group string) *Inbox[T] { return &Inbox[T]{o, group} }

// Once returns a handler that runs effect in the transaction in which it also notes the event. For an
// event that is noted already effect is not run; instead the answers that it left are published again, in case they were
// lost, and the message counts as a duplicate.
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
