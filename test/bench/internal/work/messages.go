// Package work is what a floor and what it is the floor of do alike: the messages and orders that both are given, and how
// both are counted.
package work

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
	"example.com/clew/test/bench/internal/child"
)

// Each message is of this type and size, and they are handled in batches.
const (
	EventType = "bench.message.v1"
	dataBytes = 512
	BatchSize = 100
)

// NewMessage makes a message of a trace and a subject of its own.
func NewMessage(stream string, sampled bool) (messaging.Message, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return messaging.Message{}, err
	}
	flags := "00"
	if sampled {
		flags = "01"
	}
	text := id.String()
	digits := strings.ReplaceAll(text, "-", "")
	return messaging.Message{
		Stream: stream, ID: text, Source: "/bench", Type: EventType, Subject: "order-" + text, Time: time.Now().UTC(),
		Data:    []byte(`{"filler":"` + strings.Repeat("x", dataBytes-len(`{"filler":""}`)) + `"}`),
		Headers: messaging.Headers{"traceparent": "00-" + digits + "-" + digits[16:] + "-" + flags},
	}, nil
}

// NewMessages makes messages of which one in every so many is sampled.
func NewMessages(stream string, n, oneIn int) ([]messaging.Message, error) {
	messages := make([]messaging.Message, n)
	for i := range messages {
		var err error
		if messages[i], err = NewMessage(stream, i%oneIn == 0); err != nil {
			return nil, err
		}
	}
	return messages, nil
}

// FieldsOf are the fields of a message's entry, as our publisher writes them; package row makes sure of it.
func FieldsOf(m messaging.Message) []string {
	return []string{
		"specversion", "1.0", "id", m.ID, "source", m.Source, "type", m.Type, "subject", m.Subject,
		"time", m.Time.UTC().Format(time.RFC3339Nano), "datacontenttype", "application/json", "data", string(m.Data),
		"traceparent", m.Headers.Get("traceparent"),
	}
}

// Publish publishes n messages in batches, beginning again with the first after the last.
func Publish(ctx context.Context, publisher *messaging.Publisher, messages []messaging.Message, n int) error {
	for i := 0; i < n; i += BatchSize {
		from := i % len(messages)
		if err := errors.Join(publisher.Publish(ctx, messages[from:from+BatchSize]...)...); err != nil {
			return err
		}
	}
	return nil
}

// Distinct is how many messages publishers repeat; making them is no part of what is measured.
const Distinct = 10 * BatchSize

// Finished makes sure that each message was handled once and acknowledged, and removes the group.
func Finished(ctx context.Context, client redis.UniversalClient, j child.Job, handled int64) error {
	pending, err := Pending(ctx, client, j)
	if err != nil {
		return err
	}
	if handled != int64(j.Messages) || pending != 0 {
		return fmt.Errorf("%d messages were handled of %d, and %d are pending", handled, j.Messages, pending)
	}
	for _, key := range partitions(j) {
		if err := client.XGroupDestroy(ctx, key, j.Group).Err(); err != nil {
			return err
		}
	}
	return nil
}

// Pending is how many messages the group has received and not acknowledged.
func Pending(ctx context.Context, client redis.UniversalClient, j child.Job) (n int64, err error) {
	pipeline := client.Pipeline()
	var answers []*redis.XPendingCmd
	for _, key := range partitions(j) {
		answers = append(answers, pipeline.XPending(ctx, key, j.Group))
	}
	if _, err := pipeline.Exec(ctx); err != nil {
		return 0, err
	}
	for _, answer := range answers {
		n += answer.Val().Count
	}
	return n, nil
}

// partitions are the keys of a job's stream.
func partitions(j child.Job) []string {
	keys := make([]string, max(1, j.Partitions))
	for i := range keys {
		keys[i] = messaging.StreamKey(j.Stream, i)
	}
	return keys
}

// Published makes sure that every message was added, and removes the stream.
func Published(ctx context.Context, client redis.UniversalClient, j child.Job) error {
	key := messaging.StreamKey(j.Stream, 0)
	added, err := client.XLen(ctx, key).Result()
	if err != nil {
		return err
	}
	if added != int64(j.Messages) {
		return fmt.Errorf("%d messages were added of %d", added, j.Messages)
	}
	return client.Del(ctx, key).Err()
}
