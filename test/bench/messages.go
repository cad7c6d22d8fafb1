package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

// The streams that are consumed again and again, each time by a new group.
const (
	streamSampled = "bench-sampled" // each message belongs to a sampled trace
	streamTenth   = "bench-tenth"   // one in ten does
)

const (
	eventType = "bench.message.v1"
	dataBytes = 512
	batchSize = 100
)

// newMessage makes a message of a trace and a subject of its own.
func newMessage(stream string, sampled bool) (messaging.Message, error) {
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
		Stream: stream, ID: text, Source: "/bench", Type: eventType, Subject: "order-" + text, Time: time.Now().UTC(),
		Data:    []byte(`{"filler":"` + strings.Repeat("x", dataBytes-len(`{"filler":""}`)) + `"}`),
		Headers: messaging.Headers{"traceparent": "00-" + digits + "-" + digits[16:] + "-" + flags},
	}, nil
}

// newMessages makes messages of which one in every so many is sampled.
func newMessages(stream string, n, oneIn int) ([]messaging.Message, error) {
	messages := make([]messaging.Message, n)
	for i := range messages {
		var err error
		if messages[i], err = newMessage(stream, i%oneIn == 0); err != nil {
			return nil, err
		}
	}
	return messages, nil
}

// fieldsOf are the fields of a message's entry, as our publisher writes them; sameEntry makes sure of it.
func fieldsOf(m messaging.Message) []string {
	return []string{
		"specversion", "1.0", "id", m.ID, "source", m.Source, "type", m.Type, "subject", m.Subject,
		"time", m.Time.UTC().Format(time.RFC3339Nano), "datacontenttype", "application/json", "data", string(m.Data),
		"traceparent", m.Headers.Get("traceparent"),
	}
}

// redis is the URL of a Redis of bench's own, on a Unix socket and without persistence, in which the stream is loaded
// if it is one of those that are consumed.
func (b *bench) redis(ctx context.Context, stream string) (string, error) {
	if b.redisURL == "" {
		url, stop, err := messagingtest.StartRedis()
		if err != nil {
			return "", err
		}
		b.closers = append(b.closers, stop)
		if err := sameEntry(ctx, url); err != nil {
			return "", err
		}
		b.redisURL = url
	}
	oneIn, toLoad := map[string]int{streamSampled: 1, streamTenth: 10}[stream]
	if !toLoad || b.loaded[stream] {
		return b.redisURL, nil
	}
	client, err := messaging.Connect(b.redisURL)
	if err != nil {
		return "", err
	}
	defer client.Close()
	messages, err := newMessages(stream, b.sizes.messages, oneIn)
	if err == nil {
		err = publish(ctx, messaging.New(client, messaging.Config{}).Publisher(), messages, len(messages))
	}
	if err != nil {
		return "", fmt.Errorf("load stream %s: %w", stream, err)
	}
	b.loaded[stream] = true
	return b.redisURL, nil
}

// publish publishes n messages in batches, beginning again with the first after the last.
func publish(ctx context.Context, publisher *messaging.Publisher, messages []messaging.Message, n int) error {
	for i := 0; i < n; i += batchSize {
		from := i % len(messages)
		if err := errors.Join(publisher.Publish(ctx, messages[from:from+batchSize]...)...); err != nil {
			return err
		}
	}
	return nil
}

// sameEntry fails if a floor's entry is not what our publisher writes.
func sameEntry(ctx context.Context, redisURL string) error {
	client, err := messaging.Connect(redisURL)
	if err != nil {
		return err
	}
	defer client.Close()
	const stream = "bench-entries"
	m, err := newMessage(stream, true)
	if err != nil {
		return err
	}
	key := messaging.StreamKey(stream, 0)
	if err := errors.Join(messaging.New(client, messaging.Config{}).Publisher().Publish(ctx, m)...); err != nil {
		return err
	}
	if err := client.XAdd(ctx, &redis.XAddArgs{Stream: key, Values: fieldsOf(m)}).Err(); err != nil {
		return err
	}
	entries, err := client.Do(ctx, "XRANGE", key, "-", "+").Slice() // XRange would lose the fields' order
	if err != nil {
		return err
	}
	ours, floor := entries[0].([]any)[1], entries[1].([]any)[1]
	if !reflect.DeepEqual(ours, floor) {
		return fmt.Errorf("the floor does not write what our publisher writes:\n%v\n%v", floor, ours)
	}
	return client.Del(ctx, key).Err()
}
