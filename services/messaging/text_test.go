package messaging_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

// One byte that is not UTF-8 would cost an exporter its whole batch, and a scrape all its metrics.
func TestWhatOthersWroteIsCleanOnItsWayOut(t *testing.T) {
	r := newRig(t, 1)
	ctx := t.Context()
	const bad = "caf\xe9\x1b[2J"
	r.publish("note.v1", "s")
	if err := errors.Join(
		r.client.XGroupCreate(ctx, notes, "readers", "0").Err(),
		r.client.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "readers", Consumer: bad, Streams: []string{notes, ">"}}).Err(),
		r.client.XGroupCreate(ctx, notes, bad, "$").Err(),
		r.client.XGroupCreate(ctx, notes, "caf\xea\x1b[2J", "$").Err(), // looks the same
		r.client.XAdd(ctx, &redis.XAddArgs{Stream: notes + ":dlq", Values: []string{"dlqgroup", bad}}).Err(),
	); err != nil {
		t.Fatal(err)
	}
	letters := r.awaitDeadLetters(1)
	if _, err := messaging.New(r.client, r.config()).Admin().Redrive(ctx, "notes", letters[0], false); err != nil {
		t.Fatal(err)
	}
	r.consume("readers", handlers{"note.v1": func(context.Context, messaging.Message) error {
		return messaging.Permanent(errors.New(bad + strings.Repeat("é", 2000)))
	}}, takeovers)
	r.awaitDeadLetters(2)
	m, err := messaging.NewMessage(ctx, note{kind: bad, about: "s"})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.publisher.Publish(ctx, m)...); err == nil {
		t.Error("a type that is no text was published")
	}
	if err := messaging.New(messagingtest.Client(t, r.url), r.config()).Sampler("notes").Sample(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.registry.Gather(); err != nil {
		t.Errorf("the scrape fails: %v", err)
	}

	isClean := func(where, text string) {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || len(text) > 1<<10 {
			t.Errorf("%s has %d bytes, not all of them text: %.100q", where, len(text), text)
		}
	}
	names := map[string]bool{}
	for _, span := range r.spans.Ended() {
		names[span.Name()] = true
		isClean("a status", span.Status().Description)
		texts := func(attributes []attribute.KeyValue) {
			for _, kv := range attributes {
				isClean(span.Name()+": "+string(kv.Key), kv.Value.String())
			}
		}
		texts(span.Attributes())
		for _, event := range span.Events() {
			texts(event.Attributes)
		}
	}
	for _, name := range []string{"process notes", "dead_letter notes", "redrive notes"} {
		if !names[name] {
			t.Errorf("there is no span %q", name)
		}
	}
	for _, letter := range r.deadLetters() {
		isClean("dlqerror", letter.Error)
		isClean("dlqconsumer", letter.Consumer)
	}
}
