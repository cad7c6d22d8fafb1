package messaging

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// MaxDataBytes is the largest payload of a message, in bytes. Larger ones are neither published nor handled.
const MaxDataBytes = 256 << 10

// InboxRetention is how long an inbox remembers what was processed. An event that is older could take effect a second time,
// so it is neither redriven nor replayed, unless somebody insists.
const InboxRetention = 8 * 24 * time.Hour

// ErrTooOld is in the error of a redrive or a replay of events that are older than InboxRetention.
var ErrTooOld = fmt.Errorf("the event is older than the %d days for which it is remembered what was processed: "+
	"it could take effect a second time", InboxRetention/(24*time.Hour))

// A Message is the envelope of one event. Its fields are CloudEvents 1.0 attributes; see the codec in entry.go for how
// they stand in Redis.
type Message struct {
	Stream  string    // where it travels, without the partition; the Redis key holds it, not the entry
	ID      string    // of the event, a UUIDv7: the same in every copy of the message, and what receivers deduplicate by
	Source  string    // who made it, such as "/order"
	Type    string    // what it says, with its version: "order.created.v1"
	Subject string    // what it is about, here the order's id; messages of one subject share a partition
	Time    time.Time // when the event was created
	Data    []byte    // JSON, at most MaxDataBytes
	Headers Headers   // CloudEvents extensions, foremost the trace context

	// Deliveries is how often the message was delivered to this group, this time included; 0 for one that was not
	// received.
	Deliveries int64
}

// A Payload is what a message carries as JSON. Validate is asked on both sides: before anything is written, and before
// a handler sees it.
type Payload interface{ Validate() error }

// NewMessage makes a message of an event that happened now. The trace context and the baggage of ctx become its
// creation context: every span that sends or processes the message will belong to that trace.
func NewMessage(ctx context.Context, stream, eventType, subject string, payload Payload) (Message, error) {
	if err := payload.Validate(); err != nil {
		return Message{}, fmt.Errorf("make %s: %w", eventType, err)
	}
	data, err := json.Marshal(payload)
	if err != nil {
		return Message{}, fmt.Errorf("make %s: %w", eventType, err)
	}
	if len(data) > MaxDataBytes {
		return Message{}, fmt.Errorf("make %s: %w", eventType, tooLarge(len(data)))
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Message{}, fmt.Errorf("make %s: %w", eventType, err)
	}
	m := Message{
		Stream: stream, ID: id.String(), Type: eventType, Subject: subject,
		// Databases keep microseconds: cut here, so that the time is the same everywhere.
		Time: time.Now().UTC().Truncate(time.Microsecond),
		Data: data, Headers: Headers{},
	}
	m.Headers.inject(ctx)
	return m, nil
}

// Decode reads a message's payload and validates it. Fields that T does not know are ignored, as a reader of a
// compatible later event must. The error is permanent: no retry makes bad data good.
func Decode[T Payload](m Message) (T, error) {
	var payload T
	err := json.Unmarshal(m.Data, &payload)
	if err == nil {
		err = payload.Validate()
	}
	if err != nil {
		return payload, undecodable(fmt.Errorf("read %s: %w", m.Type, err))
	}
	return payload, nil
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
