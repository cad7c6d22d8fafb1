package messaging_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

func TestWhatIsKnownExistsAtZeroFromTheStart(t *testing.T) {
	client := messagingtest.Client(t, messagingtest.Redis(t))
	registry := prometheus.NewRegistry()
	streams := messaging.New(client, messaging.Config{Registerer: registry})
	streams.Publisher(messaging.EventType{Stream: "answers", Type: "answer.v1"})
	messaging.NewConsumer(streams, notesStream{}, messaging.ConsumerConfig{Group: "readers"}, handlers{"note.v1": nil}.list()...)
	want := `
# HELP messaging_client_sent_messages_total Messages that a publisher tried to add to a stream.
# TYPE messaging_client_sent_messages_total counter
messaging_client_sent_messages_total{error_type="",event_type="answer.v1",messaging_destination_name="answers"} 0
# HELP messaging_dead_letters_total Messages moved to the dead letters.
# TYPE messaging_dead_letters_total counter
`
	for _, reason := range []string{"exhausted", "permanent", "undecodable", "unknown_version"} {
		want += fmt.Sprintf("messaging_dead_letters_total{messaging_consumer_group_name=%q,"+
			"messaging_destination_name=%q,reason=%q} 0\n", "readers", "notes", reason)
	}
	for _, counter := range [...]struct{ name, help string }{
		{"messaging_client_consumed_messages_total", "Messages delivered to a consumer group, each delivery counted."},
		{"messaging_lost_messages_total", "Messages that were deleted from the stream while they were pending."},
		{"messaging_redriven_messages_total", "Dead letters that an operator moved back, and that were delivered again."},
		{"messaging_taken_over_messages_total", "Messages taken over from a consumer that was not heard of any more."},
	} {
		want += fmt.Sprintf("# HELP %[1]s %[2]s\n# TYPE %[1]s counter\n"+
			"%[1]s{messaging_consumer_group_name=\"readers\",messaging_destination_name=\"notes\"} 0\n", counter.name, counter.help)
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"messaging_client_sent_messages_total", "messaging_dead_letters_total", "messaging_client_consumed_messages_total",
		"messaging_lost_messages_total", "messaging_redriven_messages_total", "messaging_taken_over_messages_total",
	); err != nil {
		t.Error(err)
	}
	for name, series := range map[string]int{
		"messaging_client_operation_duration_seconds": 4, // send; receive, ack, dead_letter
		"messaging_process_duration_seconds":          3, // ack, duplicate; other types ignored
		"messaging_end_to_end_duration_seconds":       1,
	} {
		if n, err := testutil.GatherAndCount(registry, name); err != nil || n != series {
			t.Errorf("%s has %d series (%v), expected %d", name, n, err, series)
		}
	}
}

func TestWhatIsCountedOnce(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		failed := handlers{"note.v1": func(context.Context, messaging.Message) error {
			return messaging.Permanent(fmt.Errorf("no"))
		}}
		stop := r.consume("readers", failed)
		r.publish("note.v1", "a", "b", "c")
		r.publish("stranger's type \"x\".v1", "d")
		r.awaitBacklog("readers", 0)
		stop()

		admin := messaging.New(r.client, messaging.Config{Partitions: r.partitions}).Admin()
		dead, err := admin.DeadLetters(t.Context(), "notes")
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range dead {
			if _, err := admin.Redrive(t.Context(), "notes", d, false); err != nil {
				t.Fatal(err)
			}
		}
		r.consume("readers", handlers{"note.v1": func(context.Context, messaging.Message) error { return nil }})
		messagingtest.Eventually(t, "what was redriven is counted", func() error {
			if n := r.value("messaging_redriven_messages_total"); n != 3 {
				return fmt.Errorf("%v redriven, expected 3", n)
			}
			return nil
		})
		r.awaitBacklog("readers", 0)
		for counter, want := range map[string]float64{
			"messaging_client_sent_messages_total":     4,
			"messaging_client_consumed_messages_total": 7,
			"messaging_dead_letters_total":             3,
			"messaging_redriven_messages_total":        3,
		} {
			if got := r.value(counter); got != want {
				t.Errorf("%s is %v, expected %v", counter, got, want)
			}
		}
		families, err := r.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				for _, label := range metric.GetLabel() {
					if family.GetName() == "messaging_process_duration_seconds" && strings.Contains(label.GetValue(), "stranger") {
						t.Errorf("a stranger's type became a label: %s", label)
					}
				}
			}
		}
	})
}
