// Package conventions names the attributes of messaging spans: OpenTelemetry's where they exist, ours for Redis
// Streams where they don't (docs/adr/0003).
package conventions

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Scope is the instrumentation scope of every messaging span.
const Scope = "example.com/clew/services/messaging"

// System is the messaging system. OpenTelemetry has no registered name for Redis Streams; a custom value is allowed.
const System = "redis_streams"

// The attributes that OpenTelemetry leaves to each messaging system.
const (
	EntryID       = attribute.Key("messaging.redis_streams.entry_id")
	DeliveryCount = attribute.Key("messaging.redis_streams.delivery_count")
	OutboxWait    = attribute.Key("messaging.redis_streams.outbox_wait_ms")
	StreamWait    = attribute.Key("messaging.redis_streams.stream_wait_ms")
	TakenOverFrom = attribute.Key("messaging.redis_streams.taken_over_from")
	Outcome       = attribute.Key("messaging.redis_streams.outcome")
	Reason        = attribute.Key("messaging.redis_streams.dlq.reason")

	EventType = attribute.Key("cloudevents.event_type")
)

// Operation returns the attributes that every span of an operation on a stream has from its start, so that samplers see them.
func Operation(name string, kind attribute.KeyValue, stream string) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingSystemKey.String(System),
		semconv.MessagingOperationName(name),
		kind,
		semconv.MessagingDestinationName(stream),
	}
}

// Message returns the attributes that identify a message. The conversation id is the order's id.
func Message(id, subject, eventType string) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingMessageID(id),
		semconv.MessagingMessageConversationID(subject),
		EventType.String(eventType),
	}
}
