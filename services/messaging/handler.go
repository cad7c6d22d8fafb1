package messaging

import "context"

// A Handler processes the messages of one type of event, in a consumer of the stream S. The error is the outcome: see
// the package's documentation. The context carries the trace and the baggage of the message, and ends with the handler's
// timeout. Handlers run concurrently, but never two at once for messages of one subject in one consumer.
type Handler[S Stream] struct {
	eventType string
	handle    handle
}

type handle func(ctx context.Context, m Message) error

// Type is the type of event that is handled.
func (h Handler[S]) Type() string { return h.eventType }

// Handle processes a message of the type as a consumer would, for tests.
func (h Handler[S]) Handle(ctx context.Context, m Message) error { return h.handle(ctx, m) }

// On returns a handler of the type of event that the function takes.
func On[S Stream, E Event[S]](handle func(ctx context.Context, event E, m Message) error) Handler[S] {
	var zero E
	return OnType[S](zero.Type(), func(ctx context.Context, m Message) error {
		event, err := decodeEvent[S, E](m)
		if err != nil {
			return err
		}
		return handle(ctx, event, m)
	})
}

// OnType returns a handler of a type of event by its name, whatever its messages carry.
func OnType[S Stream](eventType string, handle func(ctx context.Context, m Message) error) Handler[S] {
	return Handler[S]{eventType, handle}
}
