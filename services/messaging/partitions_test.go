package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

func TestNobodyPublishesConsumesOrSamplesWithAnotherNumberOfPartitions(t *testing.T) {
	four := newRig(t, 4)
	four.publish("note.v1", "a", "b")

	others := func(what string, err error) {
		t.Helper()
		var other *messaging.PartitionsError
		if !errors.As(err, &other) || *other != (messaging.PartitionsError{Stream: "notes", Told: 1, InRedis: 4}) ||
			!strings.Contains(err.Error(), "the stream notes has 4 partitions in this Redis, not 1") {
			t.Errorf("%s: %v, want it told that there are 4 partitions, not 1", what, err)
		}
	}
	m, err := messaging.NewMessage(t.Context(), note{kind: "note.v1", about: "c"})
	if err != nil {
		t.Fatal(err)
	}
	m.Source = "/test"
	client := messagingtest.Client(t, four.url)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // of one that is not refused
	defer cancel()
	others("a publisher", errors.Join(messaging.New(client, messaging.Config{}).Publisher().Publish(t.Context(), m)...))
	others("a consumer", messaging.NewConsumer(messaging.New(client, messaging.Config{}), notesStream{},
		messaging.ConsumerConfig{Group: "readers"}, handlers{"note.v1": func(context.Context, messaging.Message) error {
			t.Error("a message was consumed")
			return nil
		}}.list()...).Run(ctx))
	others("a sampler", messaging.New(client, messaging.Config{}).Sampler("notes").Run(ctx))

	added := int64(0)
	for partition := range 4 {
		key := messaging.StreamKey("notes", partition)
		added += client.XLen(t.Context(), key).Val()
		if groups := client.XInfoGroups(t.Context(), key).Val(); len(groups) > 0 {
			t.Errorf("%s has the groups %v, want none", key, groups)
		}
	}
	if added != 2 {
		t.Errorf("%d messages were added, want the 2 of the publisher that knows the number", added)
	}
}

func TestTheNumberOfPartitionsComesBackAfterALossOfData(t *testing.T) {
	for name, start := range map[string]func(*rig){
		"by a consumer": func(r *rig) { r.consume("readers", handlers{}) },
		"by a sampler": func(r *rig) {
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- messaging.New(r.client, messaging.Config{Partitions: 3}).Sampler("notes").Run(ctx) }()
			r.t.Cleanup(func() {
				cancel()
				if err := <-ended; err != nil {
					r.t.Error(err)
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 3)
			isThere := func() error {
				if n, err := r.client.Get(context.Background(), "notes:partitions").Int(); err != nil || n != 3 {
					return fmt.Errorf("%d (%w), expected 3", n, err)
				}
				return nil
			}
			start(r)
			messagingtest.Eventually(t, "the number is in Redis", isThere)
			if err := r.client.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			messagingtest.Eventually(t, "the number is in Redis again", isThere)
		})
	}
}

func TestTheNumberOfPartitionsChangesIfNothingIsLeftBehind(t *testing.T) {
	for name, test := range map[string]struct {
		do     func(h hand)
		refuse string // what the error says; empty if there is none
	}{
		"nothing was ever there": {func(hand) {}, ""},
		"everything is acknowledged": {func(h hand) {
			h.do("XADD", "notes:{1}", "1-1", "n", 1)
			h.do("XGROUP", "CREATE", "notes:{1}", "g", "0")
			h.do("XREADGROUP", "GROUP", "g", "c", "STREAMS", "notes:{1}", ">")
			h.do("XACK", "notes:{1}", "g", "1-1")
		}, ""},
		"what stays is not finished": {func(h hand) { h.add(1, 3); h.do("XGROUP", "CREATE", notes, "g", "0") }, ""},
		"unread": {func(h hand) {
			h.do("XADD", "notes:{255}", "1-1", "n", 1)
			h.do("XGROUP", "CREATE", "notes:{255}", "g", "0")
		}, `notes/255 has 1 messages that the group "g" has not finished`},
		"pending": {func(h hand) {
			h.do("XADD", "notes:{1}", "1-1", "n", 1)
			h.do("XGROUP", "CREATE", "notes:{1}", "g", "0")
			h.do("XREADGROUP", "GROUP", "g", "c", "STREAMS", "notes:{1}", ">")
		}, `notes/1 has 1 messages that the group "g" has not finished`},
		"read by nobody": {func(h hand) { h.do("XADD", "notes:{3}", "1-1", "n", 1) }, "notes/3 has 1 messages that no group has read"},
		"dead letters":   {func(h hand) { h.do("XADD", "notes:{2}:dlq", "1-1", "n", 1) }, "notes/2 has 1 dead letters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHand(t)
			h.do("SET", "notes:partitions", 4)
			test.do(h)
			err := messaging.New(h.client, messaging.Config{Partitions: 4}).Admin().SetPartitions(t.Context(), 1, "answers", "notes")
			want := "1"
			if test.refuse != "" {
				want = "4"
			}
			if (err != nil) != (test.refuse != "") || err != nil && !strings.Contains(err.Error(), test.refuse) {
				t.Errorf("error %v, want %q", err, test.refuse)
			}
			if n := h.client.Get(t.Context(), "notes:partitions").Val(); n != want {
				t.Errorf("there are %s partitions, want %s", n, want)
			}
		})
	}
}

func TestLivingConsumersAreFoundInEveryPartition(t *testing.T) {
	r := newRig(t, 3)
	admin := messaging.New(r.client, messaging.Config{Partitions: 1}).Admin()
	if alive, err := admin.LivingConsumers(t.Context(), "notes"); err != nil || len(alive) != 0 {
		t.Errorf("alive are %v (%v), want none", alive, err)
	}
	if err := r.client.XGroupCreateMkStream(t.Context(), "notes:{2}", "readers", "0").Err(); err != nil {
		t.Fatal(err)
	}
	for _, consumer := range []string{"reader-1", "retry"} {
		if err := r.client.XGroupCreateConsumer(t.Context(), "notes:{2}", "readers", consumer).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if alive, err := admin.LivingConsumers(t.Context(), "answers", "notes"); err != nil || fmt.Sprint(alive) != "[reader-1]" {
		t.Errorf("alive are %v (%v), want the one reader", alive, err)
	}
}
