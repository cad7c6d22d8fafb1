package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"

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
messaging_client_sent_messages_total{error_type="",event_type="answer.v1",messaging_destination_name="answers",messaging_system="redis_streams"} 0
# HELP messaging_dead_letters_total Messages moved to the dead letters.
# TYPE messaging_dead_letters_total counter
`
	for _, reason := range []string{"exhausted", "permanent", "undecodable", "unknown_version"} {
		want += fmt.Sprintf("messaging_dead_letters_total{messaging_consumer_group_name=%q,"+
			"messaging_destination_name=%q,reason=%q} 0\n", "readers", "notes", reason)
	}
	for _, counter := range [...]struct{ name, help, system string }{
		{"messaging_client_consumed_messages_total", "Messages delivered to a consumer group, each delivery counted.",
			`,messaging_system="redis_streams"`}, // of the conventions
		{"messaging_lost_messages_total", "Messages that were deleted from the stream while they were pending.", ""},
		{"messaging_redriven_messages_total", "Dead letters that an operator moved back, and that were delivered again.", ""},
		{"messaging_taken_over_messages_total", "Messages taken over from a consumer that fell silent.", ""},
	} {
		want += fmt.Sprintf("# HELP %[1]s %[2]s\n# TYPE %[1]s counter\n"+
			"%[1]s{messaging_consumer_group_name=\"readers\",messaging_destination_name=\"notes\"%[3]s} 0\n",
			counter.name, counter.help, counter.system)
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

// What shares a registerer shares its metrics, or is told that it cannot.
func TestTwoOfAKindDoNotBreakAScrape(t *testing.T) {
	r := newRig(t, 1)
	handled := make(chan struct{}, 10)
	handle := handlers{"note.v1": func(context.Context, messaging.Message) error {
		handled <- struct{}{}
		return nil
	}}
	for _, types := range [][]messaging.EventType{nil, {{Stream: "notes", Type: "note.v1"}}} { // two relays' publishers
		r.publisher = messaging.New(r.client, r.config()).Publisher(types...)
		r.publish("note.v1", "s")
	}
	r.consume("readers", handle, withName("first"))
	r.consume("readers", handle, withName("second"))
	r.consume("others", handle)
	messaging.NewConsumer(messaging.New(r.client, r.config()), messaging.Named("answers"), messaging.ConsumerConfig{Group: "readers"})
	for range 4 {
		<-handled
	}
	for range 2 { // all samplers of a stream are one; the first of these never runs
		for _, streams := range [][]string{{"notes"}, {"answers", "notes"}} {
			sampler := messaging.New(r.client, r.config()).Sampler(streams...)
			if streams[0] == "answers" {
				if err := sampler.Sample(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	r.registry.MustRegister(messaging.PoolCollector("one", r.client), messaging.PoolCollector("other", r.client))
	if err := r.registry.Register(messaging.PoolCollector("one", r.client)); err == nil {
		t.Error("two pools have one name")
	}
	for name, series := range map[string]int{"messaging_stream_messages": 2, "redis_pool_misses_total": 2, "messaging_client_consumed_messages_total": 3} {
		if n, err := testutil.GatherAndCount(r.registry, name); err != nil || n != series {
			t.Errorf("%s has %d series, want %d: %v", name, n, series, err)
		}
	}
	if n := r.value("messaging_client_sent_messages_total"); n != 2 {
		t.Errorf("%v messages were sent, want 2", n)
	}
	if problems, err := testutil.GatherAndLint(r.registry); err != nil {
		t.Errorf("the scrape fails: %v, %v", err, problems)
	}
}

// A name must differ between machines, which may be containers with the same pids, and between restarts.
func TestTheDefaultNameIsThatOfTheMachineAndTheProcess(t *testing.T) {
	r := newRig(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	consumer := messaging.NewConsumer(messaging.New(r.client, r.config()), notesStream{}, messaging.ConsumerConfig{Group: "g"})
	go func() { ended <- consumer.Run(ctx) }()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	messagingtest.Eventually(t, "the consumer has its name", func() error {
		consumers, err := r.client.XInfoConsumers(t.Context(), notes, "g").Result()
		if err != nil || len(consumers) != 1 || consumers[0].Name != host+"-"+messaging.ProcessID() {
			return fmt.Errorf("consumers %v (%w), want one named after %s", consumers, err, host)
		}
		return nil
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestSpansNameTheServer(t *testing.T) {
	r := newRig(t, 1)
	publish := func(client redis.UniversalClient) {
		publisher := messaging.New(client, r.config()).Publisher()
		_ = messaging.Publish(t.Context(), publisher, note{kind: "note.v1", about: "s"}) // nobody is there
	}
	publish(messagingtest.Client(t, "redis://127.0.0.1:1"))
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1", "127.0.0.1:2"}, MaxRedirects: -1})
	t.Cleanup(func() { _ = cluster.Close() })
	publish(cluster)
	r.publish("note.v1", "s")
	r.consume("g", handlers{"note.v1": func(context.Context, messaging.Message) error {
		return messaging.Permanent(errors.New("no"))
	}})
	if _, err := messaging.New(r.client, r.config()).Admin().Redrive(t.Context(), "notes", r.awaitDeadLetters(1)[0], false); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, span := range r.spans.Ended() {
		attributes := attribute.NewSet(span.Attributes()...)
		address, _ := attributes.Value("server.address")
		port, _ := attributes.Value("server.port")
		got[span.Name()] = append(got[span.Name()], address.String()+" "+port.String())
	}
	socket := strings.TrimPrefix(r.url, "unix://") + " "
	for name, want := range map[string][]string{
		"send notes": {"127.0.0.1 1", " ", socket}, "process notes": {socket}, "dead_letter notes": {socket}, "redrive notes": {socket},
	} {
		if diff := cmp.Diff(want, got[name][:min(len(got[name]), len(want))]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
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
