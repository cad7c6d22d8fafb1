package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

// fillUp lets Redis take nothing more, as if its memory were used up.
func (r *rig) fillUp() {
	r.t.Helper()
	if err := r.client.ConfigSet(r.t.Context(), "maxmemory", "1").Err(); err != nil {
		r.t.Fatal(err)
	}
	err := r.client.XAdd(r.t.Context(), &redis.XAddArgs{Stream: "more", Values: []string{"a", "b"}}).Err()
	if messaging.Classify(err) != "oom" {
		r.t.Fatalf("a full Redis takes more: %v", err)
	}
}

func TestAFullRedisTakesNothingFromTheLiving(t *testing.T) {
	takeovers := withClaimAfter(1500*time.Millisecond, 50*time.Millisecond)
	partitions(t, func(t *testing.T, r *rig) {
		begun, release := make(chan int64, 100), make(chan struct{})
		handlers := handlers{"note.v1": func(_ context.Context, m messaging.Message) error {
			begun <- m.Deliveries
			<-release
			return nil
		}}
		r.consume("g", handlers, takeovers)
		r.awaitBacklog("g", 0) // it has joined everywhere: a full Redis makes no group
		r.publish("note.v1", subjects(16)...)
		for range 16 { // as many as there are workers
			<-begun
		}
		r.fillUp()
		r.run(r.config(), messaging.ConsumerConfig{Group: "g"}, handlers, takeovers, withName("g-2"))
		// What is not kept alive is due after a second and a half; nothing is, after twice that.
		messagingtest.Eventually(t, "there was time for a takeover", func() error {
			select {
			case n := <-begun:
				t.Fatalf("a message of a living consumer was delivered again, as its delivery %d", n)
			case <-time.After(3 * time.Second):
			}
			return nil
		})
		close(release)
		r.awaitBacklog("g", 0)
	})
}

func TestAFullRedisIsEmptiedOfWhatIsDone(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		var handled atomic.Int64
		r.consume("g", handlers{"note.v1": func(context.Context, messaging.Message) error {
			handled.Add(1)
			return nil
		}}, takeovers)
		r.publish("note.v1", subjects(300)...)
		r.awaitBacklog("g", 0)
		r.fillUp()
		messagingtest.Eventually(t, "what is acknowledged is gone", func() error {
			left := int64(0)
			for partition := range r.partitions {
				left += r.client.XLen(t.Context(), messaging.StreamKey("notes", partition)).Val()
			}
			if left > int64(r.partitions) { // the last delivered entry of each stays
				return fmt.Errorf("%d entries are left", left)
			}
			return nil
		})
	})
}

func TestALongStreamIsTrimmedBeforeItsRetention(t *testing.T) {
	r := newRig(t, 1)
	ctx := t.Context()
	trim := func(most int) int64 {
		t.Helper()
		n, err := messaging.TrimScript.Run(ctx, r.client, []string{notes}, "g", time.Hour.Milliseconds(), most).Int64()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	r.client.XGroupCreateMkStream(ctx, notes, "g", "$")
	for minutes := 60; minutes > 0; minutes-- { // one entry a minute
		id := fmt.Sprintf("%d-1", time.Now().Add(time.Duration(-minutes)*time.Minute+time.Second).UnixMilli())
		if err := r.client.XAdd(ctx, &redis.XAddArgs{Stream: notes, ID: id, Values: []string{"a", "b"}}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	read := r.client.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "g", Consumer: "c", Streams: []string{notes, ">"}, Count: 1000, Block: -1}).Val()
	for _, entry := range read[0].Messages {
		r.client.XAck(ctx, notes, "g", entry.ID)
	}
	if n := trim(60); n != 0 {
		t.Errorf("trimmed %d of a stream that is as long as it may be", n)
	}
	if n := trim(30); n != 30 {
		t.Errorf("trimmed %d of a stream that is twice as long as it may be, expected half", n)
	}
}

var errLocked = errors.New("a row is locked")

// One message in ten needs what is locked, and waits for it for a while each time. The others go on, and nothing is
// given up however long it takes.
func TestContentionHoldsUpOnlyItsMessages(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		var locked, tries atomic.Int64
		locked.Store(1)
		others, contended := make(chan int64, 1000), make(chan int64, 1000)
		r.consume("g", handlers{
			"note.v1": func(_ context.Context, m messaging.Message) error {
				others <- m.Deliveries
				return nil
			},
			"locked.v1": func(_ context.Context, m messaging.Message) error {
				if locked.Load() == 1 {
					tries.Add(1)
					time.Sleep(50 * time.Millisecond) // the lock's timeout
					return messaging.Contended(errLocked)
				}
				contended <- m.Deliveries
				return nil
			},
		}, quickly)
		r.publish("locked.v1", subjects(60)...)
		messagingtest.Eventually(t, "each was tried more often than a failing one would be", func() error {
			if n := tries.Load(); n < 60*6 {
				return fmt.Errorf("%d tries", n)
			}
			return nil
		})
		for i := range 100 { // each of them while the others wait
			r.publish("note.v1", fmt.Sprintf("other-%d", i))
			<-others
		}
		locked.Store(0)
		for range 60 {
			if n := <-contended; n != 1 {
				t.Errorf("a message succeeded as its delivery %d, expected the first: what is locked costs none", n)
			}
		}
		r.awaitBacklog("g", 0)
		if n := len(r.deadLetters()); n != 0 {
			t.Errorf("%d dead letters", n)
		}
	})
}
