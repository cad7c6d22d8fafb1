package messaging_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

func TestDeadLettersAreWrittenAsTheFormatSays(t *testing.T) {
	var format struct {
		DeadLetter struct{ Message, Adds, Redriven map[string]string } `json:"dead_letter"`
	}
	text, err := os.ReadFile("testdata/format.json")
	if err == nil {
		err = json.Unmarshal(text, &format)
	}
	if err != nil {
		t.Fatal(err)
	}
	want := format.DeadLetter
	client := messagingtest.Client(t, messagingtest.Redis(t))
	if err := client.XAdd(t.Context(), &redis.XAddArgs{Stream: "orders:{0}", Values: want.Message}).Err(); err != nil {
		t.Fatal(err)
	}
	streams := messaging.New(client, messaging.Config{Logger: slog.New(slog.DiscardHandler)})
	consumer := messaging.NewConsumer(streams, messaging.Named("orders"), messaging.ConsumerConfig{Group: "g", Name: "g-1"},
		messaging.OnType[messaging.Named](want.Message["type"], func(context.Context, messaging.Message) error {
			return messaging.Permanent(errors.New("no such lamp"))
		}))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	var dead []messaging.DeadLetter
	messagingtest.Eventually(t, "the message is a dead letter", func() error {
		var err error
		if dead, err = streams.Admin().DeadLetters(t.Context(), "orders"); err == nil && len(dead) == 0 {
			err = errors.New("there is none")
		}
		return err
	})
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}

	// same compares the one entry of a stream with the message and what is added to it; "*" is any value.
	same := func(key string, adds map[string]string) {
		t.Helper()
		entries, err := client.XRevRangeN(t.Context(), key, "+", "-", 1).Result()
		if err != nil || len(entries) != 1 {
			t.Fatalf("%s: %v, %v", key, entries, err)
		}
		expected, got := map[string]string{}, map[string]string{}
		for _, fields := range []map[string]string{want.Message, adds} {
			for name, value := range fields {
				expected[name] = value
			}
		}
		for name, value := range entries[0].Values {
			if got[name] = value.(string); expected[name] == "*" {
				got[name] = "*"
			}
		}
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	// Without a tracer provider the move has no span: its context is the message's.
	same("orders:{0}:dlq", want.Adds)
	if _, err := streams.Admin().Redrive(t.Context(), "orders", dead[0], true); err != nil {
		t.Fatal(err)
	}
	same("orders:{0}", want.Redriven)
}
