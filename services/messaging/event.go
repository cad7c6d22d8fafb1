package messaging

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A Stream names a stream. Each stream has a type of its own, so that the compiler checks which events travel on it.
type Stream interface{ Name() string }

// Named is a stream that is known only by its name, for handlers of any event on it.
type Named string

// Name returns the stream's name.
func (n Named) Name() string { return string(n) }

// An Event is a business fact that travels on the stream S, as JSON in a message. Stream and Type return the same for every
// value of a type, the zero value included.
type Event[S Stream] interface {
	Stream() S
	Type() string    // with its version: "order.created.v1"
	Subject() string // such as the order's id; messages of one subject share a partition
	Validate() error // is called on both sides: before a message is written, and before a handler gets it
}

// An Extended event has headers that travel with the message: CloudEvents extension attributes. Their names are lower-case
// letters and digits.
type Extended interface{ Headers() Headers }

// An EventType is a type of event and its stream.
type EventType struct{ Stream, Type string }

// TypeOf returns the type of an event.
func TypeOf[S Stream](event Event[S]) EventType {
	return EventType{event.Stream().Name(), event.Type()}
}

// NewMessage makes a message of an event that happens now. The trace context and baggage of ctx become its creation context:
// every span that sends or processes the message belongs to that trace. The publisher sets the source. It fails if the event
// is not valid or larger than MaxDataBytes.
func NewMessage[S Stream](ctx context.Context, event Event[S]) (Message, error) {
	if err := event.Validate(); err != nil {
		return Message{}, fmt.Errorf("make %s: %w", event.Type(), err)
	}
	data, err := json.Marshal(event)
	if err != nil {
		return Message{}, fmt.Errorf("make %s: %w", event.Type(), err)
	}
	if len(data) > MaxDataBytes {
		return Message{}, fmt.Errorf("make %s: %w", event.Type(), tooLarge(len(data)))
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Message{}, fmt.Errorf("make %s: %w", event.Type(), err)
	}
	m := Message{
		Stream: event.Stream().Name(), ID: id.String(), Type: event.Type(), Subject: event.Subject(),
		// Databases keep microseconds: cut here, so that the time is the same everywhere.
		Time: time.Now().UTC().Truncate(time.Microsecond),
		Data: data, Headers: Headers{},
	}
	if extended, ok := event.(Extended); ok {
		maps.Copy(m.Headers, extended.Headers())
	}
	m.Headers.inject(ctx)
	return m, nil
}

// decodeEvent decodes and validates a message's event. It ignores fields that E does not know, so that a compatible later
// event can be read. Its error is permanent.
func decodeEvent[S Stream, E Event[S]](m Message) (E, error) {
	var event E
	err := json.Unmarshal(m.Data, &event)
	if err == nil {
		err = event.Validate()
	}
	if err != nil {
		return event, undecodable(fmt.Errorf("read %s: %w", m.Type, err))
	}
	return event, nil
}

// family is a type without its version: "order.created" of "order.created.v2".
func family(eventType string) string {
	i := strings.LastIndex(eventType, ".v")
	if i < 0 {
		return eventType
	}
	return eventType[:i]
}

var errTooLarge = errors.New("data is too large")

func tooLarge(size int) error {
	return fmt.Errorf("%w: %d bytes, at most %d", errTooLarge, size, MaxDataBytes)
}
