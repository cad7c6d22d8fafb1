package messaging

import "context"

// A Handler processes the messages of one type of event on the stream S. Its error decides the outcome: see the package's
// documentation. Its context carries the message's trace and baggage, and ends with HandlerTimeout. Handlers run concurrently,
// but one consumer never runs two at once for messages of one subject.
type Handler[S Stream] struct {
	eventType string
	handle    handle
}

type handle func(ctx context.Context, m Message) error

// Type returns the type of event that is handled.
func (h Handler[S]) Type() string { return h.eventType }

// Handle processes a message as a consumer would. It is for tests.
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

// OnType returns a handler of a type of event by its name. It gets the messages undecoded.
func OnType[S Stream](eventType string, handle func(ctx context.Context, m Message) error) Handler[S] {
	return Handler[S]{eventType, handle}
}
