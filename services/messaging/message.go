package messaging

import (
	"fmt"
	"time"
)

// MaxDataBytes is the largest payload of a message, in bytes: 256 KiB. Larger ones are neither published nor handled.
const MaxDataBytes = 256 << 10

// InboxRetention is how long an inbox remembers processed events: 8 days. An older event could take effect a second time, so
// it is redriven or replayed only if forced.
const InboxRetention = 8 * 24 * time.Hour

// ErrTooOld is in the error of a redrive or a replay of events that are older than InboxRetention.
var ErrTooOld = fmt.Errorf("the event is older than %d days, after which inboxes forget: it could take effect a second time",
	InboxRetention/(24*time.Hour))

// A Message is the envelope of one event. Its fields are CloudEvents 1.0 attributes; codec.go writes them to Redis.
type Message struct {
	Stream  string    // without the partition; it is in the Redis key, not in the entry
	ID      string    // of the event, a UUIDv7: the same in every copy of the message; receivers deduplicate by it
	Source  string    // the program that made it, such as "/order"
	Type    string    // of the event, with its version: "order.created.v1"
	Subject string    // here the order's id; messages of one subject share a partition
	Time    time.Time // when the event was created
	Data    []byte    // JSON, at most MaxDataBytes
	Headers Headers   // CloudEvents extensions, foremost the trace context

	// Deliveries is the number of deliveries to this group, this one included; 0 for a message that was not received.
	Deliveries int64
}
