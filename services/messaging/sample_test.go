package messaging_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

// A hand works on the stream notes:{0} with Redis's own commands. Entry n was added n·100 s after the first one, which
// is 10 000 s old.
type hand struct {
	t      *testing.T
	client redis.UniversalClient
	start  time.Time
}

func newHand(t *testing.T) hand {
	client := messagingtest.Client(t, messagingtest.Redis(t))
	now, err := client.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	return hand{t, client, now.Add(-10_000 * time.Second)}
}

func (h hand) do(args ...any) any {
	h.t.Helper()
	reply, err := h.client.Do(h.t.Context(), args...).Result()
	if err != nil {
		h.t.Fatalf("%v: %v", args, err)
	}
	return reply
}

func (h hand) id(n int) string {
	return fmt.Sprintf("%d-0", h.start.Add(time.Duration(n)*100*time.Second).UnixMilli())
}

func (h hand) add(from, to int) {
	h.t.Helper()
	for n := from; n <= to; n++ {
		h.do("XADD", notes, h.id(n), "n", n)
	}
}

func (h hand) read(group string, count int) {
	h.t.Helper()
	h.do("XREADGROUP", "GROUP", group, "c", "COUNT", count, "STREAMS", notes, ">")
}

// many adds n entries at once.
func (h hand) many(n int) {
	h.t.Helper()
	h.do("EVAL", "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'n', i) end return 1", 1, notes, n)
}

const someOther = -1 // an entry that many has added

func TestLagAgainstHandComputedCases(t *testing.T) {
	for name, test := range map[string]struct {
		do             func(h hand)
		lag, pending   int64
		capped         bool
		oldest, waited int // which entry is the oldest not delivered, and the oldest pending; 0 for none
	}{
		"nothing is there yet": {
			do: func(h hand) { h.do("XGROUP", "CREATE", notes, "g", "0", "MKSTREAM") },
		},
		"nothing was read": {
			do:  func(h hand) { h.add(1, 5); h.do("XGROUP", "CREATE", notes, "g", "0") },
			lag: 5, oldest: 1,
		},
		"some was read, some of it acknowledged": {
			do: func(h hand) {
				h.add(1, 5)
				h.do("XGROUP", "CREATE", notes, "g", "0")
				h.read("g", 3)
				h.do("XACK", notes, "g", h.id(1))
			},
			lag: 2, oldest: 4, pending: 2, waited: 2,
		},
		"all was read, long ago": {
			do: func(h hand) {
				h.add(1, 5)
				h.do("XGROUP", "CREATE", notes, "g", "0")
				h.read("g", 5)
				h.do("XACK", notes, "g", h.id(1), h.id(2), h.id(3), h.id(4), h.id(5))
			},
		},
		"the group came late, at the end": {
			do: func(h hand) { h.add(1, 5); h.do("XGROUP", "CREATE", notes, "g", "$") },
		},
		"the group came late, and more was added": {
			do:  func(h hand) { h.add(1, 5); h.do("XGROUP", "CREATE", notes, "g", "$"); h.add(6, 8) },
			lag: 3, oldest: 6,
		},
		"the group starts in the middle": {
			do:  func(h hand) { h.add(1, 5); h.do("XGROUP", "CREATE", notes, "g", h.id(2)) },
			lag: 3, oldest: 3,
		},
		"what was not read is trimmed": {
			do: func(h hand) {
				h.add(1, 8)
				h.do("XGROUP", "CREATE", notes, "g", "0")
				h.read("g", 1)
				h.do("XACK", notes, "g", h.id(1))
				h.do("XTRIM", notes, "MAXLEN", 4)
			},
			lag: 4, oldest: 5,
		},
		"what was not read is trimmed, the rest read": {
			do: func(h hand) {
				h.add(1, 8)
				h.do("XGROUP", "CREATE", notes, "g", "0")
				h.do("XTRIM", notes, "MAXLEN", 4)
				h.read("g", 4)
			},
			pending: 4, waited: 5,
		},
		"all is trimmed": {
			do: func(h hand) {
				h.add(1, 8)
				h.do("XGROUP", "CREATE", notes, "g", "0")
				h.do("XTRIM", notes, "MAXLEN", 0)
			},
		},
		"what was not read is deleted": {
			do: func(h hand) {
				h.add(1, 5)
				h.do("XGROUP", "CREATE", notes, "g", "0")
				h.read("g", 1)
				h.do("XDEL", notes, h.id(2), h.id(4))
			},
			lag: 2, oldest: 3, pending: 1, waited: 1,
		},
		"what was read last is deleted": {
			do: func(h hand) {
				h.add(1, 3)
				h.do("XGROUP", "CREATE", notes, "g", "0")
				h.read("g", 3)
				h.do("XACK", notes, "g", h.id(3))
				h.do("XDEL", notes, h.id(3))
				h.add(4, 5)
			},
			lag: 2, oldest: 4, pending: 2, waited: 1,
		},
		"very much waits, and Redis knows how much": {
			do: func(h hand) {
				h.do("XGROUP", "CREATE", notes, "g", "0", "MKSTREAM")
				h.add(1, 1)
				h.many(12_344)
			},
			lag: 12_345, oldest: 1,
		},
		"very much waits, and Redis does not know how much": {
			do: func(h hand) {
				h.add(1, 3)
				h.do("XGROUP", "CREATE", notes, "g", h.id(2))
				h.many(12_345)
			},
			lag: 1_000, capped: true, oldest: 3,
		},
		"very much was trimmed, and Redis counts it still": {
			do: func(h hand) {
				h.do("XGROUP", "CREATE", notes, "g", "0", "MKSTREAM")
				h.many(30_000)
				h.do("XTRIM", notes, "MAXLEN", 11_000)
			},
			lag: 11_000, oldest: someOther,
		},
		"what was given back unbegun waits as if it had not been delivered": {
			do: func(h hand) {
				h.add(1, 5)
				h.do("XGROUP", "CREATE", notes, "g", "0")
				h.read("g", 3)
				h.do("XCLAIM", notes, "g", "retry", 0, h.id(1), "JUSTID") // after an attempt
				h.do("XCLAIM", notes, "g", "retry", 0, h.id(2), "RETRYCOUNT", 0, "JUSTID")
			},
			lag: 2, oldest: 2, pending: 3, waited: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHand(t)
			test.do(h)
			before := h.client.Time(t.Context()).Val()
			infos, err := messaging.New(h.client, messaging.Config{Partitions: 1}).Admin().Streams(t.Context(), "notes")
			if err != nil {
				t.Fatal(err)
			}
			after := h.client.Time(t.Context()).Val()
			g := infos[0].Groups[0]
			if g.Lag != test.lag || g.LagCapped != test.capped || g.Pending != test.pending {
				t.Errorf("lag %d (capped %t), pending %d; expected %d (%t) and %d",
					g.Lag, g.LagCapped, g.Pending, test.lag, test.capped, test.pending)
			}
			for what, age := range map[string]struct {
				got float64
				of  int
			}{"oldest not delivered": {g.LagSeconds, test.oldest}, "oldest pending": {g.OldestPending, test.waited}} {
				added := h.start.Add(time.Duration(age.of) * 100 * time.Second).Truncate(time.Millisecond)
				switch {
				case age.of == someOther:
				case age.of == 0:
					if age.got != 0 {
						t.Errorf("%s: %v s old, expected none", what, age.got)
					}
				case age.got < before.Sub(added).Seconds() || age.got > after.Sub(added).Seconds():
					t.Errorf("%s: %v s old, expected that of entry %d, %v s", what, age.got, age.of, before.Sub(added).Seconds())
				}
			}
		})
	}
}

func TestAStreamThatIsNotThereHasNoGroups(t *testing.T) {
	h := newHand(t)
	infos, err := messaging.New(h.client, messaging.Config{Partitions: 2}).Admin().Streams(t.Context(), "notes")
	if err != nil {
		t.Fatal(err)
	}
	want := []messaging.StreamInfo{
		{Stream: "notes", Partition: 0, Groups: []messaging.GroupInfo{}},
		{Stream: "notes", Partition: 1, Groups: []messaging.GroupInfo{}},
	}
	if diff := cmp.Diff(want, infos); diff != "" {
		t.Error(diff)
	}
}

// sampler runs a sampler of the stream notes until the returned function is called, and returns its registry.
func (h hand) sampler() (*prometheus.Registry, func()) {
	h.t.Helper()
	registry := prometheus.NewRegistry()
	sampler := messaging.New(h.client, messaging.Config{Registerer: registry}).Sampler("notes")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- sampler.Run(ctx) }()
	return registry, func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Error(err)
		}
	}
}

// Redis's clock was set back by an hour, or this is a replica whose clock is behind: what was added before lies in the future.
func TestAMessageGrowsOldWhateverRedissClockSays(t *testing.T) {
	h := newHand(t)
	future := func(n int) string { return fmt.Sprintf("%d-%d", h.start.Add(5*time.Hour).UnixMilli(), n) }
	h.do("XADD", notes, future(1), "n", 1)
	h.do("XADD", notes, future(2), "n", 2)
	h.do("XADD", notes, future(3), "n", 3)
	h.do("XGROUP", "CREATE", notes, "g", "0")
	h.read("g", 1)
	registry, clock := prometheus.NewRegistry(), time.Now()
	sampler := messaging.New(h.client, messaging.Config{Registerer: registry}).Sampler("notes")
	sampler.SetClock(func() time.Time { return clock })
	ages := func(pending, waiting int) {
		t.Helper()
		if err := sampler.Sample(t.Context()); err != nil {
			t.Fatal(err)
		}
		const labels = `{messaging_consumer_group_name="g",messaging_destination_name="notes",messaging_destination_partition_id="0"}`
		want := fmt.Sprintf(`
# HELP messaging_stream_lag_seconds Age of the oldest message not yet delivered to the group, or given back by a consumer that had not begun it; 0 without one.
# TYPE messaging_stream_lag_seconds gauge
messaging_stream_lag_seconds%s %d
# HELP messaging_stream_oldest_pending_seconds Age of the oldest message delivered to the group and not acknowledged; 0 without one.
# TYPE messaging_stream_oldest_pending_seconds gauge
messaging_stream_oldest_pending_seconds%s %d
`, labels, waiting, labels, pending)
		if err := testutil.GatherAndCompare(registry, strings.NewReader(want),
			"messaging_stream_lag_seconds", "messaging_stream_oldest_pending_seconds"); err != nil {
			t.Error(err)
		}
	}
	ages(0, 0)
	clock = clock.Add(20 * time.Second)
	ages(20, 20)
	h.read("g", 1) // now another one waits, for all that is known since now
	clock = clock.Add(20 * time.Second)
	ages(40, 0)
	clock = clock.Add(20 * time.Second)
	ages(60, 20)
	h.do("XACK", notes, "g", future(1), future(2))
	h.read("g", 1)
	h.do("XACK", notes, "g", future(3))
	ages(0, 0)
}

// A killed consumer stays in Redis's list for as long as it has something pending.
func TestASilentConsumerDoesNotCount(t *testing.T) {
	h := newHand(t)
	h.add(1, 1)
	h.do("XGROUP", "CREATE", notes, "g", "0")
	h.read("g", 1)
	inspector := messaging.NewInspector(h.client, "notes", 1)
	for heardOf, want := range map[time.Duration]int64{time.Hour: 1, 0: 0} {
		inspector.CountFor(heardOf)
		infos, err := inspector.Inspect(t.Context())
		if err != nil || infos[0].Groups[0].Consumers != want {
			t.Errorf("within %v: %+v, %v; want %d consumers", heardOf, infos, err, want)
		}
	}
}

// As while one node of a cluster is down.
func TestAPartitionThatCannotBeLookedAtHidesNoOther(t *testing.T) {
	h := newHand(t)
	h.add(1, 3)
	h.do("SET", messaging.StreamKey("notes", 1), "no stream")
	infos, err := messaging.NewInspector(h.client, "notes", 3).Inspect(t.Context())
	if err == nil || len(infos) != 2 || infos[0].Messages != 3 || infos[1].Partition != 2 {
		t.Errorf("%+v, error %v, want partitions 0 and 2, and an error", infos, err)
	}
}

func TestEverySamplerReportsTheSame(t *testing.T) {
	h := newHand(t)
	h.add(1, 5)
	h.do("XGROUP", "CREATE", notes, "g", "0")
	h.read("g", 2)
	h.do("XCLAIM", notes, "g", "retry", 0, h.id(1), "JUSTID")
	h.do("XADD", notes+":dlq", h.id(7), "n", 7)
	h.do("XGROUP", "CREATE", notes, "sleepy \xff group", "$")
	const want = `
# HELP messaging_dead_letter_messages Messages in the dead letters.
# TYPE messaging_dead_letter_messages gauge
messaging_dead_letter_messages{messaging_destination_name="notes",messaging_destination_partition_id="0"} 1
# HELP messaging_lag_sample_errors_total Failed samples of a stream; gauges of partitions that could not be sampled are absent until the next one.
# TYPE messaging_lag_sample_errors_total counter
messaging_lag_sample_errors_total{messaging_destination_name="notes"} 0
# HELP messaging_stream_consumers Consumers of the group that were heard of in the last 15 s.
# TYPE messaging_stream_consumers gauge
messaging_stream_consumers{messaging_consumer_group_name="g",messaging_destination_name="notes",messaging_destination_partition_id="0"} 1
messaging_stream_consumers{messaging_consumer_group_name="sleepy � group",messaging_destination_name="notes",messaging_destination_partition_id="0"} 0
# HELP messaging_stream_lag_messages Messages not yet delivered to the group; a lower bound where messaging_stream_lag_capped is 1.
# TYPE messaging_stream_lag_messages gauge
messaging_stream_lag_messages{messaging_consumer_group_name="g",messaging_destination_name="notes",messaging_destination_partition_id="0"} 3
messaging_stream_lag_messages{messaging_consumer_group_name="sleepy � group",messaging_destination_name="notes",messaging_destination_partition_id="0"} 0
# HELP messaging_stream_messages Messages in the stream, acknowledged ones included.
# TYPE messaging_stream_messages gauge
messaging_stream_messages{messaging_destination_name="notes",messaging_destination_partition_id="0"} 5
# HELP messaging_stream_pending_messages Messages delivered to the group and not acknowledged.
# TYPE messaging_stream_pending_messages gauge
messaging_stream_pending_messages{messaging_consumer_group_name="g",messaging_destination_name="notes",messaging_destination_partition_id="0"} 2
messaging_stream_pending_messages{messaging_consumer_group_name="sleepy � group",messaging_destination_name="notes",messaging_destination_partition_id="0"} 0
`
	for range 2 {
		registry, stop := h.sampler()
		defer stop()
		messagingtest.Eventually(t, "the sampler reports", func() error {
			return testutil.GatherAndCompare(registry, strings.NewReader(want), "messaging_dead_letter_messages",
				"messaging_lag_sample_errors_total", "messaging_stream_consumers", "messaging_stream_lag_messages",
				"messaging_stream_messages", "messaging_stream_pending_messages")
		})
		if n, err := testutil.GatherAndCount(registry); err != nil || n != 16 {
			t.Errorf("%d series (%v), expected 3 of the partition, 6 of each group and 1 of the sampler", n, err)
		}
	}
}

func TestAFailedSampleIsAbsentAndCounted(t *testing.T) {
	h := newHand(t)
	h.add(1, 1)
	h.do("XGROUP", "CREATE", notes, "g", "0")
	registry, stop := h.sampler()
	defer stop()
	gauges := func(want int) func() error {
		return func() error {
			n, err := testutil.GatherAndCount(registry, "messaging_stream_lag_messages", "messaging_stream_messages")
			if err != nil || n != want {
				return fmt.Errorf("%d gauges (%w), expected %d", n, err, want)
			}
			return nil
		}
	}
	messagingtest.Eventually(t, "the stream is sampled", gauges(2))
	h.do("RENAME", notes, "elsewhere")
	h.do("SET", notes, "no stream")
	messagingtest.Eventually(t, "what is not known is absent", gauges(0))
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetMetric()[0].GetCounter().GetValue() < 1 {
		t.Errorf("%v (%v), expected a counter of errors above 0 and nothing else", families, err)
	}
	h.do("RENAME", "elsewhere", notes)
	messagingtest.Eventually(t, "the stream is sampled again", gauges(2))
}
