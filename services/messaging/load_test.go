package messaging_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

// A second consumer that comes when there is too much to do gets its part of what nobody has begun.
func TestANewReplicaTakesPartAtOnce(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		const n = 400
		var handled [2]atomic.Int64
		consume := func(replica int) {
			r.run(r.config(), messaging.ConsumerConfig{Group: "g"}, handlers{"note.v1": func(context.Context, messaging.Message) error {
				time.Sleep(100 * time.Millisecond) // the work
				handled[replica].Add(1)
				return nil
			}}, withName(fmt.Sprint("g-", replica)), withClaimAfter(10*time.Second, 200*time.Millisecond))
		}
		r.publish("note.v1", subjects(n)...)
		consume(0)
		messagingtest.Eventually(t, "the first has begun", func() error {
			if handled[0].Load() < 32 {
				return fmt.Errorf("%d handled", handled[0].Load())
			}
			return nil
		})
		consume(1)
		r.awaitBacklog("g", 0)
		if second := handled[1].Load(); second < n/4 {
			t.Errorf("the second handled %d of %d messages, of which at least 300 were left when it came", second, n)
		}
		if all := handled[0].Load() + handled[1].Load(); all != n {
			t.Errorf("%d were handled, expected each of %d once", all, n)
		}
	})
}

// What a message has waited for when its handler begins, the gauges have said before: waiting of what was delivered, lag
// of what was not.
func TestWaitingIsNeverBelowWhatAMessageWaits(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		release := make(chan struct{})
		r.consume("g", handlers{"note.v1": func(context.Context, messaging.Message) error { <-release; return nil }})
		r.publish("note.v1", subjects(16)...)
		messagingtest.Eventually(t, "all workers are busy", func() error {
			if pending, _ := r.backlog("g"); pending < 16 || r.gauge("messaging_waiting_seconds") > 0 {
				return fmt.Errorf("%d are delivered", pending)
			}
			return nil
		})
		r.publish("note.v1", "late")
		messagingtest.Eventually(t, "it waits in the consumer", func() error {
			if r.gauge("messaging_waiting_seconds") == 0 {
				return fmt.Errorf("it is not there")
			}
			return nil
		})
		added := r.lastAdded()
		for range 10 {
			if waits, said := time.Since(added).Seconds(), r.gauge("messaging_waiting_seconds"); said < waits {
				t.Errorf("a message waits for %.3f s, and the gauge says %.3f", waits, said)
			}
		}
		close(release)
		r.awaitBacklog("g", 0)
		if said := r.gauge("messaging_waiting_seconds"); said != 0 {
			t.Errorf("nothing waits, and the gauge says %.3f", said)
		}
	})
}

// lastAdded is when Redis added the newest entry.
func (r *rig) lastAdded() (last time.Time) {
	r.t.Helper()
	for partition := range r.partitions {
		for _, entry := range r.client.XRevRangeN(r.t.Context(), messaging.StreamKey("notes", partition), "+", "-", 1).Val() {
			var ms int64
			if _, err := fmt.Sscanf(entry.ID, "%d-", &ms); err != nil {
				r.t.Fatal(err)
			}
			if added := time.UnixMilli(ms); added.After(last) {
				last = added
			}
		}
	}
	return last
}

// gauge is the value of a gauge that has one series.
func (r *rig) gauge(name string) float64 {
	r.t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	r.t.Fatalf("there is no %s", name)
	return 0
}

// Many partitions, two consumers, and handlers that take their time: each message runs once.
func TestManyPartitions(t *testing.T) {
	r := newRig(t, 128)
	var log messagingtest.Log
	var mu sync.Mutex
	runs := map[string]int{}
	config := r.config()
	config.Logger = slog.New(slog.NewTextHandler(&log, nil))
	for replica := range 2 {
		r.run(config, messaging.ConsumerConfig{Group: "g"}, handlers{"note.v1": func(_ context.Context, m messaging.Message) error {
			mu.Lock()
			runs[m.Subject]++
			mu.Unlock()
			time.Sleep(500 * time.Millisecond) // the work
			return nil
		}}, withName(fmt.Sprint("g-", replica)), withClaimAfter(5*time.Second, 500*time.Millisecond), withBlock(time.Second))
	}
	r.publish("note.v1", subjects(200)...)
	for _, n := range []int{50, 100, 150, 200} {
		messagingtest.Eventually(t, "messages are begun", func() error {
			mu.Lock()
			defer mu.Unlock()
			if len(runs) < n {
				return fmt.Errorf("%d of %d", len(runs), n)
			}
			return nil
		})
	}
	r.awaitBacklog("g", 0)
	mu.Lock()
	defer mu.Unlock()
	for subject, n := range runs {
		if n != 1 {
			t.Errorf("message %s ran %d times", subject, n)
		}
	}
	if n := r.value("messaging_taken_over_messages_total"); n != 0 {
		t.Errorf("%.0f messages were taken over from living consumers", n)
	}
	if text := log.String(); strings.Contains(text, "pool timeout") {
		t.Errorf("connections were missing:\n%s", text)
	}
}

// What is not due must not hide what is, however much there is of it.
func TestWhatIsDueIsFoundInALongList(t *testing.T) {
	r := newRig(t, 1)
	const n = 20_000
	ctx := t.Context()
	var batch []string
	for i := range n {
		batch = append(batch, fmt.Sprint("s-", i))
		if len(batch) == 1000 {
			r.publish("note.v1", batch...)
			batch = nil
		}
	}
	r.die("g", "busy", 1)
	last := r.client.XRevRangeN(ctx, notes, "+", "-", 1).Val()[0].ID
	r.client.XClaim(ctx, &redis.XClaimArgs{Stream: notes, Group: "g", Consumer: "retry", Messages: []string{last}})
	handled := make(chan string, n)
	r.consume("g", handlers{"note.v1": func(_ context.Context, m messaging.Message) error {
		handled <- m.Subject
		return nil
	}}, quickly, withClaimAfter(time.Hour, time.Second))
	if subject := <-handled; subject != fmt.Sprint("s-", n-1) {
		t.Errorf("%s was handled, expected the last", subject)
	}
	r.awaitBacklog("g", n-1)
}
