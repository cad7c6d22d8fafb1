package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

// Each script is run by two actors at once: what it checks must still be so when it acts.

const notes = "notes:{0}"

// both runs what two actors do at the same time, many times over.
func both(times int, act func(i, actor int)) {
	var actors sync.WaitGroup
	for actor := range 2 {
		actors.Go(func() {
			for i := range times {
				act(i, actor)
			}
		})
	}
	actors.Wait()
}

// pending makes entries that are pending with a consumer.
func (r *rig) pending(consumer string, n int) []string {
	r.t.Helper()
	r.publish("note.v1", subjects(n)...)
	r.die("g", consumer, 1)
	var ids []string
	for _, entry := range r.client.XRange(r.t.Context(), notes, "-", "+").Val() {
		ids = append(ids, entry.ID)
		r.client.Do(r.t.Context(), "XCLAIM", notes, "g", consumer, 0, entry.ID, "IDLE", 60_000, "JUSTID")
	}
	return ids
}

func TestTwoClaimersNeverTakeTheSameEntry(t *testing.T) {
	r := newRig(t, 1)
	const n = 2000
	r.pending("dead", n)
	var mu sync.Mutex
	owners := map[string]int{}
	both(40, func(_, actor int) {
		reply, err := messaging.ClaimScript.Run(t.Context(), r.client, []string{notes},
			"g", fmt.Sprint("live-", actor), 100, 30_000, 1, 1000, 0).Slice()
		if err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, taken := range reply[0].([]any) {
			if owner := taken.([]any)[2]; owner == "dead" {
				owners[taken.([]any)[0].(string)]++
			}
		}
	})
	if len(owners) != n {
		t.Errorf("%d of %d entries were taken from the dead consumer", len(owners), n)
	}
	for id, times := range owners {
		if times != 1 {
			t.Errorf("entry %s was taken from the dead consumer %d times", id, times)
		}
	}
}

func TestAHeartbeatStealsNothingBack(t *testing.T) {
	r := newRig(t, 1)
	ids := r.pending("zombie", 100)
	both(len(ids), func(i, actor int) {
		if actor == 0 {
			r.client.XClaim(t.Context(), &redis.XClaimArgs{Stream: notes, Group: "g", Consumer: "heir", Messages: []string{ids[i]}})
		} else if err := messaging.KeepaliveScript.Run(t.Context(), r.client, []string{notes}, "g", "zombie", ids[i]).Err(); err != nil {
			t.Error(err)
		}
	})
	if got := r.client.XPending(t.Context(), notes, "g").Val().Consumers["heir"]; got != 100 {
		t.Errorf("the heir has %d of 100 entries", got)
	}
	kept, err := messaging.KeepaliveScript.Run(t.Context(), r.client, []string{notes}, "g", "zombie", ids[0]).Int64Slice()
	if err != nil || !slices.Equal(kept, []int64{0, 0}) {
		t.Errorf("the zombie kept %d, error %v", kept, err)
	}
}

func TestOnlyTheOwnerReleases(t *testing.T) {
	r := newRig(t, 1)
	ids := r.pending("zombie", 2)
	r.client.XClaim(t.Context(), &redis.XClaimArgs{Stream: notes, Group: "g", Consumer: "heir", Messages: ids[:1]})
	released, err := messaging.ReleaseScript.Run(t.Context(), r.client, []string{notes}, "g", "zombie", 0, 1, ids[0], ids[1]).Int64Slice()
	if err != nil || !slices.Equal(released, []int64{1, 0}) {
		t.Errorf("released and lost %d, error %v", released, err)
	}
}

// Redis drops a deleted entry from the pending list when it is claimed, and says so by its absence only.
func TestWhatIsDeletedDuringAnAttemptIsLostWhenItFails(t *testing.T) {
	for _, spent := range []int{0, 1} {
		r := newRig(t, 1)
		ids := r.pending("busy", 3)
		r.client.XDel(t.Context(), notes, ids[1])
		kept, err := messaging.KeepaliveScript.Run(t.Context(), r.client, []string{notes}, "g", "busy", ids[0], ids[1], ids[2]).Int64Slice()
		if err != nil || !slices.Equal(kept, []int64{2, 0}) {
			t.Errorf("kept %d, error %v; want 2", kept, err)
		}
		released, err := messaging.ReleaseScript.Run(t.Context(), r.client, []string{notes}, "g", "busy", 0, spent, ids[0], ids[1], ids[2]).Int64Slice()
		if err != nil || !slices.Equal(released, []int64{2, 1}) {
			t.Errorf("released and lost %d, error %v; want 2 and 1", released, err)
		}
	}
}

func TestAnEntryHasOneDeadLetterAtMost(t *testing.T) {
	r := newRig(t, 1)
	ids := r.pending("dead", 200)
	both(len(ids), func(i, _ int) {
		err := messaging.DeadLetterScript.Run(t.Context(), r.client, []string{notes, notes + ":dlq"},
			"g", ids[i], "dead", 1000, 100, "dlqreason", "exhausted").Err()
		if err != nil {
			t.Error(err)
		}
	})
	if n := r.client.XLen(t.Context(), notes+":dlq").Val(); n != 200 {
		t.Errorf("%d dead letters of 200 entries", n)
	}
	if n := r.client.XPending(t.Context(), notes, "g").Val().Count; n != 0 {
		t.Errorf("%d entries are still pending", n)
	}
}

func TestADeadLetterThatCannotBeAddedIsNotAcknowledged(t *testing.T) {
	r := newRig(t, 1)
	ids := r.pending("dead", 1)
	r.client.Set(t.Context(), notes+":dlq", "not a stream", 0)
	err := messaging.DeadLetterScript.Run(t.Context(), r.client, []string{notes, notes + ":dlq"}, "g", ids[0], "dead", 1000, 100).Err()
	if err == nil || messaging.Classify(err) != "wrongtype" {
		t.Errorf("error %v", err)
	}
	if n := r.client.XPending(t.Context(), notes, "g").Val().Count; n != 1 {
		t.Errorf("%d entries are pending, expected the one that failed", n)
	}
}

func TestADeadLetterIsRedrivenOnce(t *testing.T) {
	r := newRig(t, 1)
	r.client.XGroupCreateMkStream(t.Context(), notes, "g", "$")
	var ids []string
	for range 200 {
		ids = append(ids, r.client.XAdd(t.Context(), &redis.XAddArgs{Stream: notes + ":dlq", Values: []string{"dlqgroup", "g", "id", "x"}}).Val())
	}
	both(len(ids), func(i, _ int) {
		if err := messaging.RedriveScript.Run(t.Context(), r.client, []string{notes + ":dlq", notes}, ids[i], "").Err(); err != nil {
			t.Error(err)
		}
	})
	if n, left := r.client.XLen(t.Context(), notes).Val(), r.client.XLen(t.Context(), notes+":dlq").Val(); n != 200 || left != 0 {
		t.Errorf("%d messages and %d dead letters of 200", n, left)
	}
}

func TestNoConsumerIsRemovedWithSomethingPending(t *testing.T) {
	r := newRig(t, 1)
	r.client.XGroupCreateMkStream(t.Context(), notes, "g", "$")
	const n = 300
	got := make(chan string, n)
	both(n, func(i, actor int) {
		name := fmt.Sprint("c-", i)
		if actor == 0 {
			r.publish("note.v1", "s")
			streams, err := r.client.XReadGroup(t.Context(), &redis.XReadGroupArgs{
				Group: "g", Consumer: name, Streams: []string{notes, ">"}, Count: 1, Block: -1,
			}).Result()
			if err != nil {
				t.Error(err)
				return
			}
			got <- streams[0].Messages[0].ID
		} else if err := messaging.RemoveConsumerScript.Run(t.Context(), r.client, []string{notes}, "g", name, 0).Err(); err != nil {
			t.Error(err)
		}
	})
	if pending := r.client.XPending(t.Context(), notes, "g").Val().Count; pending != n {
		t.Errorf("%d of %d delivered entries are pending: the others were forgotten", pending, n)
	}
}

func TestTrimKeepsWhatSomeGroupHasNotAcknowledged(t *testing.T) {
	r := newRig(t, 1)
	ctx := t.Context()
	r.publish("note.v1", subjects(10)...)
	trim := func(group string, retention time.Duration, most ...int) int64 {
		t.Helper()
		n, err := messaging.TrimScript.Run(ctx, r.client, []string{notes}, group, retention.Milliseconds(), append(most, 1000)[0]).Int64()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := trim("g", -time.Hour); n != 0 { // it makes the group, which has read nothing
		t.Fatalf("trimmed %d that nobody has read", n)
	}
	entries := r.client.XRange(ctx, notes, "-", "+").Val()
	read := func(group string, n int64) {
		r.client.XGroupCreate(ctx, notes, group, "0")
		r.client.XReadGroup(ctx, &redis.XReadGroupArgs{Group: group, Consumer: "c", Streams: []string{notes, ">"}, Count: n, Block: -1})
	}
	read("g", 8)
	r.client.XAck(ctx, notes, "g", entries[0].ID, entries[1].ID, entries[2].ID, entries[4].ID)
	if n := trim("g", time.Hour); n != 0 {
		t.Errorf("trimmed %d that are younger than the retention", n)
	}
	if n := trim("g", -time.Hour); n != 3 { // the fourth is pending
		t.Errorf("trimmed %d, expected 3", n)
	}
	read("late", 1)
	for _, entry := range entries[3:8] {
		r.client.XAck(ctx, notes, "g", entry.ID)
	}
	if n := trim("g", -time.Hour); n != 0 { // the other group has the fourth pending
		t.Errorf("trimmed %d that another group has not acknowledged", n)
	}
	r.client.XGroupDestroy(ctx, notes, "late")
	if n := trim("g", -time.Hour); n != 4 { // up to the last delivered
		t.Errorf("trimmed %d, expected 4", n)
	}
	if n, err := messaging.TrimScript.Run(context.Background(), r.client, []string{"none:{0}"}, "g", 1, 1).Int64(); err != nil || n != 0 {
		t.Errorf("a stream that does not exist: %d, %v", n, err)
	}
}

// BenchmarkPending empties the pending list that a dead consumer left: by processing it, or, where all deliveries are
// spent, by dead-lettering it. The time for an entry must not depend on how many there are.
func BenchmarkPending(b *testing.B) {
	for _, deliveries := range []int{1, 5} {
		for _, n := range []int{10_000, 100_000} {
			b.Run(fmt.Sprintf("deliveries=%d/entries=%d", deliveries, n), func(b *testing.B) {
				for b.Loop() {
					benchmarkPending(b, deliveries, n)
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/entry")
			})
		}
	}
}

func benchmarkPending(b *testing.B, deliveries, n int) {
	b.StopTimer()
	client := messagingtest.Client(b, messagingtest.Redis(b))
	ctx := b.Context()
	client.XGroupCreateMkStream(ctx, notes, "g", "0")
	m, err := messaging.NewMessage(ctx, note{kind: "note.v1"})
	if err != nil {
		b.Fatal(err)
	}
	m.Source = "/test"
	batch := slices.Repeat([]messaging.Message{m}, 1000)
	publisher := messaging.New(client, messaging.Config{}).Publisher()
	for range n / len(batch) {
		if err := errors.Join(publisher.Publish(ctx, batch...)...); err != nil {
			b.Fatal(err)
		}
		read := client.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "g", Consumer: "dead", Streams: []string{notes, ">"}})
		args := []any{"XCLAIM", notes, "g", "dead", 0}
		for _, entry := range read.Val()[0].Messages {
			args = append(args, entry.ID)
		}
		client.Do(ctx, append(args, "IDLE", 60_000, "RETRYCOUNT", deliveries, "JUSTID")...)
	}
	consuming, stop := context.WithCancel(ctx)
	defer stop()
	streams := messaging.New(client, messaging.Config{Logger: slog.New(slog.DiscardHandler)})
	consumer := messaging.NewConsumer(streams, notesStream{}, messaging.ConsumerConfig{Group: "g", Block: 10 * time.Millisecond},
		messaging.OnType[notesStream]("note.v1", func(context.Context, messaging.Message) error { return nil }))
	var running sync.WaitGroup
	b.StartTimer()
	running.Go(func() { _ = consumer.Run(consuming) })
	for client.XPending(ctx, notes, "g").Val().Count > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	b.StopTimer()
	stop()
	running.Wait()
	b.StartTimer()
}
