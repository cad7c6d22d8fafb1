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

// A Stream is a type of its own for each stream, so that the compiler knows which events travel on it.
type Stream interface{ Name() string }

// Named is a stream that is known by its name only, to those that handle whatever travels on it.
type Named string

// Name returns the stream's name.
func (n Named) Name() string { return string(n) }

// An Event is a business fact that travels on the stream S: what a message carries as JSON. The first two methods say the
// same for every value of a type, the zero value among them.
type Event[S Stream] interface {
	Stream() S
	Type() string    // with its version: "order.created.v1"
	Subject() string // what it is about; messages of one subject share a partition
	Validate() error // is asked on both sides: before anything is written, and before a handler sees it
}

// An Extended event has headers of its own, which travel with the message: CloudEvents extension attributes, whose names
// are lower-case letters and digits.
type Extended interface{ Headers() Headers }

// An EventType is a type of event, and the stream that it travels on.
type EventType struct{ Stream, Type string }

// TypeOf returns the type of an event.
func TypeOf[S Stream](event Event[S]) EventType {
	return EventType{event.Stream().Name(), event.Type()}
}

// NewMessage makes a message of an event that happened now. The trace context and the baggage of ctx become its
// creation context: every span that sends or processes the message will belong to that trace. The source is the
// publisher's.
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

// decodeEvent reads a message's event and validates it. Fields that E does not know are ignored, as a reader of a
// compatible later event must. The error is permanent: no retry makes bad data good.
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
