package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/baggage"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

// What goes wrong with a message, and what happens then. The times are short, so that the tests are.

var (
	quickly = withBackoff(20*time.Millisecond, 50*time.Millisecond)

	// A takeover after half a second without a heartbeat, of which there are ten in that time.
	takeovers = withClaimAfter(500*time.Millisecond, 50*time.Millisecond)
)

func (r *rig) deadLetters() []messaging.DeadLetter {
	r.t.Helper()
	all, err := messaging.New(r.client, messaging.Config{Partitions: r.partitions}).Admin().DeadLetters(context.Background(), "notes")
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

func (r *rig) awaitDeadLetters(n int) []messaging.DeadLetter {
	r.t.Helper()
	messagingtest.Eventually(r.t, "dead letters are there", func() error {
		if got := len(r.deadLetters()); got != n {
			return fmt.Errorf("%d dead letters, expected %d", got, n)
		}
		return nil
	})
	return r.deadLetters()
}

func TestAFailedMessageIsTriedAgain(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		attempts := make(chan int64, 10)
		r.consume("g", handlers{"note.v1": func(_ context.Context, m messaging.Message) error {
			attempts <- m.Deliveries
			if m.Deliveries < 3 {
				return errors.New("no luck")
			}
			return nil
		}}, quickly)
		r.publish("note.v1", "s")
		for want := int64(1); want <= 3; want++ {
			if got := <-attempts; got != want {
				t.Errorf("attempt %d, expected %d", got, want)
			}
		}
		r.awaitBacklog("g", 0)
		if n := len(r.deadLetters()); n != 0 {
			t.Errorf("%d dead letters", n)
		}
		if n := r.value("messaging_client_consumed_messages_total"); n != 3 {
			t.Errorf("%v deliveries are counted, expected 3", n)
		}
	})
}

func TestWhatFailsIsDeadLetteredAndStopsNothing(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		good := make(chan struct{}, 20)
		r.consume("g", handlers{
			"good.v1":      func(context.Context, messaging.Message) error { good <- struct{}{}; return nil },
			"error.v1":     func(context.Context, messaging.Message) error { return errors.New("no \x1b\nluck") },
			"panic.v1":     func(context.Context, messaging.Message) error { panic("ouch") },
			"permanent.v1": func(context.Context, messaging.Message) error { return messaging.Permanent(errors.New("never")) },
			"hang.v1": func(ctx context.Context, _ messaging.Message) error {
				<-ctx.Done()
				return ctx.Err()
			},
		}, withHandlerTimeout(10*time.Millisecond), quickly)
		for _, eventType := range []string{"error.v1", "panic.v1", "permanent.v1", "hang.v1", "error.v2"} {
			r.publish(eventType, "s")
		}
		// A stranger's entry, and one of a type that is nobody's business here, which is acknowledged.
		r.client.XAdd(t.Context(), &redis.XAddArgs{Stream: messaging.StreamKey("notes", 0), Values: []string{"hello", "\xff"}})
		r.publish("other.v1", "s")
		r.publish("good.v1", subjects(20)...)
		for range 20 {
			<-good
		}
		r.awaitBacklog("g", 0)
		type told struct {
			Type, Reason, Error string
			Attempts            int64
		}
		got := map[told]bool{}
		for _, d := range r.awaitDeadLetters(6) {
			got[told{d.Message.Type, d.Reason, d.Error, d.Attempts}] = true
			if d.Group != "g" || d.Consumer != "g-1" || d.EntryID == "" || time.Since(d.Time) > time.Minute {
				t.Errorf("dead letter %+v", d)
			}
		}
		want := map[told]bool{
			{"error.v1", "exhausted", "no   luck", 5}:                                     true,
			{"panic.v1", "exhausted", "handler panicked: ouch", 5}:                        true,
			{"hang.v1", "exhausted", "context deadline exceeded", 5}:                      true,
			{"permanent.v1", "permanent", "never", 1}:                                     true,
			{"error.v2", "unknown_version", "no handler for this version of error.v2", 1}: true,
			{"", "undecodable", `field specversion is "", expected "1.0"`, 1}:             true,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestADeadLetterKeepsTheEntry(t *testing.T) {
	r := newRig(t, 1)
	r.consume("g", handlers{})
	key := messaging.StreamKey("notes", 0)
	values := []string{"hello", "\xff\x00", "big", strings.Repeat("x", messaging.MaxDataBytes+1), "dlqreason", "forged"}
	r.consume("h", handlers{"note.v1": nil})
	r.client.XAdd(t.Context(), &redis.XAddArgs{Stream: key, Values: values})
	messagingtest.Eventually(t, "both groups gave it up", func() error {
		if n := r.client.XLen(t.Context(), key+":dlq").Val(); n != 2 {
			return fmt.Errorf("%d dead letters", n)
		}
		return nil
	})
	entry := r.client.XRange(t.Context(), key+":dlq", "-", "+").Val()[0].Values
	if entry["hello"] != "\xff\x00" || len(entry["big"].(string)) != messaging.MaxDataBytes || entry["dlqreason"] != "undecodable" {
		t.Errorf("hello %q, big %d bytes, reason %q", entry["hello"], len(entry["big"].(string)), entry["dlqreason"])
	}
	if !strings.HasSuffix(entry["dlqerror"].(string), "(the entry was cut)") {
		t.Errorf("the error does not say that the entry was cut: %s", entry["dlqerror"])
	}
}

// die delivers what is on the stream to a consumer that never does anything with it, so many times.
func (r *rig) die(group, consumer string, times int) {
	r.t.Helper()
	for partition := range r.partitions {
		key := messaging.StreamKey("notes", partition)
		r.client.XGroupCreateMkStream(r.t.Context(), key, group, "0")
		streams, err := r.client.XReadGroup(r.t.Context(), &redis.XReadGroupArgs{
			Group: group, Consumer: consumer, Streams: []string{key, ">"}, Block: -1,
		}).Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			r.t.Fatal(err)
		}
		for _, entry := range streams[0].Messages {
			r.client.Do(r.t.Context(), "XCLAIM", key, group, consumer, 0, entry.ID, "RETRYCOUNT", times, "JUSTID")
		}
	}
}

func TestWhatADeadConsumerHeldIsTakenOver(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		want := r.publish("note.v1", subjects(50)...)
		r.die("g", "dead-1", 1)
		got := make(chan int64, 100)
		r.consume("g", handlers{"note.v1": func(_ context.Context, m messaging.Message) error {
			got <- m.Deliveries
			return nil
		}}, takeovers)
		for range want {
			if n := <-got; n != 2 {
				t.Errorf("delivery %d, expected the second", n)
			}
		}
		r.awaitBacklog("g", 0)
		messagingtest.Eventually(t, "all attempts have ended", func() error {
			if n := len(r.ended("process notes")); n != 50 {
				return fmt.Errorf("%d spans", n)
			}
			return nil
		})
		span := r.ended("process notes")[0]
		if len(span.Events()) != 1 || span.Events()[0].Name != "takeover" {
			t.Fatalf("events %v", span.Events())
		}
		told := map[string]string{}
		for _, a := range span.Events()[0].Attributes {
			told[string(a.Key)] = a.Value.String()
		}
		seen, err := time.Parse(time.RFC3339Nano, told["last_seen_at"])
		if err != nil || seen.After(span.StartTime()) || time.Since(seen) > time.Minute {
			t.Errorf("last_seen_at %q", told["last_seen_at"])
		}
		delete(told, "last_seen_at")
		if diff := cmp.Diff(map[string]string{
			"messaging.redis_streams.taken_over_from": "dead-1", "messaging.redis_streams.delivery_count": "1",
		}, told); diff != "" {
			t.Error(diff)
		}
		if got := r.value("messaging_taken_over_messages_total"); got != 50 {
			t.Errorf("%v messages counted as taken over", got)
		}
	})
}

func TestASlowHandlerIsNotTakenOver(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		var running atomic.Int64
		started, release := make(chan struct{}, 10), make(chan struct{})
		for i := range 2 {
			r.consume("g", handlers{"note.v1": func(context.Context, messaging.Message) error {
				running.Add(1)
				started <- struct{}{}
				<-release
				return nil
			}}, takeovers, withName(fmt.Sprintf("g-%d", i)))
		}
		r.publish("note.v1", "s")
		<-started
		// A dead consumer's message, left at the same time, is what tells that the time of a takeover has come.
		r.die("other", "dead-1", 1)
		taken := make(chan struct{})
		r.consume("other", handlers{"note.v1": func(context.Context, messaging.Message) error {
			close(taken)
			return nil
		}}, takeovers)
		<-taken
		close(release)
		r.awaitBacklog("g", 0)
		if n := running.Load(); n != 1 {
			t.Errorf("the slow message ran %d times", n)
		}
	})
}

func TestASuspectRunsAlone(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		r.publish("suspect.v1", subjects(5)...)
		r.die("g", "dead-1", 2)
		var mu sync.Mutex
		running, most := 0, 0
		enter := func(suspect bool) func() {
			mu.Lock()
			defer mu.Unlock()
			running++
			if suspect {
				most = max(most, running)
			}
			return func() { mu.Lock(); defer mu.Unlock(); running-- }
		}
		stop := make(chan struct{})
		var publishing sync.WaitGroup
		publishing.Go(func() { // a stream of other messages all the while
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					r.publish("note.v1", fmt.Sprintf("n-%d", i))
				}
			}
		})
		suspects, others := make(chan int64, 10), make(chan struct{}, 100_000)
		r.consume("g", handlers{
			"suspect.v1": func(_ context.Context, m messaging.Message) error {
				defer enter(true)()
				suspects <- m.Deliveries
				return nil
			},
			"note.v1": func(context.Context, messaging.Message) error {
				defer enter(false)()
				others <- struct{}{}
				return nil
			},
		}, takeovers)
		for range 5 {
			if n := <-suspects; n != 3 {
				t.Errorf("delivery %d, expected the third", n)
			}
		}
		for len(others) > 0 {
			<-others
		}
		<-others // the others go on afterwards
		close(stop)
		publishing.Wait()
		if most != 1 {
			t.Errorf("%d messages ran beside a suspect", most-1)
		}
	})
}

func TestAMessageThatKillsEveryTimeIsDeadLetteredWithoutAnotherRun(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		r.publish("killer.v1", "s")
		r.die("g", "dead-1", 5)
		r.consume("g", handlers{"killer.v1": func(context.Context, messaging.Message) error {
			t.Error("it ran a sixth time")
			return nil
		}}, takeovers)
		d := r.awaitDeadLetters(1)[0]
		if d.Reason != "exhausted" || d.Attempts != 5 || d.Consumer != "dead-1" || !strings.Contains(d.Error, "5 deliveries, the last to dead-1") {
			t.Errorf("dead letter %+v", d)
		}
		r.awaitBacklog("g", 0)
	})
}

func TestAnUnavailableDependencySpendsNoDelivery(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		var down atomic.Bool
		down.Store(true)
		tried, done := make(chan int64, 1000), make(chan int64, 100)
		r.consume("g", handlers{"note.v1": func(_ context.Context, m messaging.Message) error {
			if down.Load() {
				tried <- m.Deliveries
				return messaging.Unavailable(errors.New("the database is away"))
			}
			done <- m.Deliveries
			return nil
		}}, takeovers, quickly, func(c *messaging.ConsumerConfig) { c.Workers = 1 })
		r.publish("note.v1", subjects(40)...)
		for range 6 { // of one message: more than it has deliveries
			if n := <-tried; n != 1 {
				t.Errorf("delivery %d", n)
			}
		}
		down.Store(false)
		for range 40 {
			if n := <-done; n != 1 {
				t.Errorf("delivery %d, expected that none was spent", n)
			}
		}
		r.awaitBacklog("g", 0)
		if n := len(r.deadLetters()); n != 0 {
			t.Errorf("%d dead letters", n)
		}
	})
}

func TestAStopGivesBackWhatIsNotFinished(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		want := r.publish("note.v1", subjects(300)...)
		for range 20 { // more restarts than a message has deliveries
			started := make(chan struct{}, 300)
			stop := r.consume("g", handlers{"note.v1": func(ctx context.Context, _ messaging.Message) error {
				started <- struct{}{}
				<-ctx.Done()
				return ctx.Err()
			}}, withShutdownTimeout(time.Millisecond))
			<-started
			stop()
		}
		got := make(chan int64, 300)
		r.consume("g", handlers{"note.v1": func(_ context.Context, m messaging.Message) error {
			got <- m.Deliveries
			return nil
		}})
		for range want {
			if n := <-got; n != 1 {
				t.Fatalf("delivery %d, expected that the restarts spent none", n)
			}
		}
		r.awaitBacklog("g", 0)
	})
}

func TestARedrivenMessageIsForItsGroupOnly(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		var fixed atomic.Bool
		done, other := make(chan messaging.Message, 10), make(chan string, 10)
		r.consume("g", handlers{"note.v1": func(_ context.Context, m messaging.Message) error {
			if fixed.Load() {
				done <- m
				return nil
			}
			return messaging.Permanent(errors.New("never"))
		}})
		r.consume("other", handlers{"note.v1": func(_ context.Context, m messaging.Message) error {
			other <- m.ID
			return nil
		}})
		id := r.publish("note.v1", "s")[0]
		d := r.awaitDeadLetters(1)[0]
		<-other

		fixed.Store(true)
		admin := messaging.New(r.client, r.config()).Admin()
		ctx, operator := r.tracer.Tracer("test").Start(t.Context(), "operator")
		if ok, err := admin.Redrive(ctx, "notes", d, false); err != nil || !ok {
			t.Fatalf("redrive: %v, %v", ok, err)
		}
		operator.End()
		m := <-done
		if m.ID != id || m.Deliveries != 1 || m.Headers["redrivecount"] != "1" || m.Headers["redrivegroup"] != "g" || m.Headers["dlqreason"] != "" {
			t.Errorf("redriven message %+v", m)
		}
		r.awaitBacklog("g", 0)
		r.awaitBacklog("other", 0)
		if len(other) != 0 || len(r.deadLetters()) != 0 {
			t.Errorf("the other group got %d messages, %d dead letters are left", len(other), len(r.deadLetters()))
		}
		if ok, err := admin.Redrive(ctx, "notes", d, false); err != nil || ok {
			t.Errorf("a second redrive: %v, %v", ok, err)
		}

		redrive, process := r.ended("redrive notes")[0], r.ended("process notes")
		last := process[len(process)-1]
		if redrive.Parent().SpanID() != operator.SpanContext().SpanID() {
			t.Error("the redrive is not in the operator's trace")
		}
		linked := false
		for _, link := range last.Links() {
			linked = linked || link.SpanContext.SpanID() == redrive.SpanContext().SpanID()
		}
		if !linked {
			t.Error("the attempt does not link to the redrive")
		}
		if links := redrive.Links(); len(links) != 1 { // the message has no creation context here, only the dead letter
			t.Errorf("the redrive links to %d spans", len(links))
		}
	})
}

// Whether such an event took effect is forgotten: what a group gave up after that may be redriven only by who knows better.
func TestWhatInboxesMayHaveForgottenIsNotRedriven(t *testing.T) {
	r := newRig(t, 1)
	r.consume("g", handlers{"note.v1": func(context.Context, messaging.Message) error {
		return messaging.Permanent(errors.New("never"))
	}})
	r.publish("note.v1", "s")
	d := r.awaitDeadLetters(1)[0]
	admin := messaging.New(r.client, messaging.Config{}).Admin()
	old, young := time.Now().Add(-messaging.InboxRetention-time.Second), time.Now().Add(-messaging.InboxRetention+time.Hour)
	for name, age := range map[string]struct{ created, given time.Time }{
		"old": {old, young}, "of no time, long ago": {time.Time{}, old},
	} {
		d.Message.Time, d.Time = age.created, age.given
		if _, err := admin.Redrive(t.Context(), "notes", d, false); !errors.Is(err, messaging.ErrTooOld) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(r.deadLetters()) != 1 {
		t.Error("a refused redrive took the dead letter away")
	}
	if ok, err := admin.Redrive(t.Context(), "notes", d, true); err != nil || !ok {
		t.Errorf("by force: %v, %v", ok, err)
	}
	d = r.awaitDeadLetters(1)[0]
	d.Message.Time = young
	if ok, err := admin.Redrive(t.Context(), "notes", d, false); err != nil || !ok {
		t.Errorf("young: %v, %v", ok, err)
	}
	r.awaitDeadLetters(1)
}

func TestRedriveForAGroupThatIsGone(t *testing.T) {
	r := newRig(t, 1)
	stop := r.consume("g", handlers{"note.v1": func(context.Context, messaging.Message) error {
		return messaging.Permanent(errors.New("never"))
	}})
	r.publish("note.v1", "s")
	d := r.awaitDeadLetters(1)[0]
	stop()
	admin := messaging.New(r.client, messaging.Config{Partitions: 1}).Admin()
	if ok, err := admin.ForgetGroup(t.Context(), "notes", "g"); err != nil || !ok {
		t.Fatalf("forget: %v, %v", ok, err)
	}
	if ok, err := admin.ForgetGroup(t.Context(), "notes", "g"); err != nil || ok {
		t.Errorf("forget again: %v, %v", ok, err)
	}
	if _, err := admin.Redrive(t.Context(), "notes", d, false); err == nil || !strings.Contains(err.Error(), "does not exist any more") {
		t.Errorf("redrive: %v", err)
	}
	if len(r.deadLetters()) != 1 {
		t.Error("the refused redrive took the dead letter away")
	}
	if ok, err := admin.Discard(t.Context(), "notes", d); err != nil || !ok || len(r.deadLetters()) != 0 {
		t.Errorf("discard: %v, %v", ok, err)
	}
}

func TestDeletedMessagesAreCountedAsLost(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		r.publish("note.v1", subjects(9)...)
		r.die("g", "dead-1", 1)
		for partition := range r.partitions {
			r.client.XTrimMaxLen(t.Context(), messaging.StreamKey("notes", partition), 0)
		}
		r.consume("g", handlers{"note.v1": func(context.Context, messaging.Message) error { return nil }}, takeovers)
		r.awaitBacklog("g", 0)
		messagingtest.Eventually(t, "the loss is counted", func() error {
			if got := r.value("messaging_lost_messages_total"); got != 9 {
				return fmt.Errorf("%v lost", got)
			}
			return nil
		})
	})
}

// A reply that got lost leaves messages in the pending list of a consumer that does not know of them.
func TestAConsumerFindsWhatItWasGivenAndNeverGot(t *testing.T) {
	partitions(t, func(_ *testing.T, r *rig) {
		want := r.publish("note.v1", subjects(5)...)
		r.die("g", "g-1", 1) // its own name
		got := make(chan int64, 10)
		r.consume("g", handlers{"note.v1": func(_ context.Context, m messaging.Message) error {
			got <- m.Deliveries
			return nil
		}}, takeovers)
		for range want {
			<-got
		}
		r.awaitBacklog("g", 0)
	})
}

// A heartbeat may be late, as after a pause of Redis: what a consumer holds it does not take again.
func TestNoMessageRunsTwiceAtOnceInOneConsumer(t *testing.T) {
	r := newRig(t, 1)
	runs, release := make(chan string, 10), make(chan struct{})
	r.consume("g", handlers{
		"slow.v1":  func(_ context.Context, m messaging.Message) error { runs <- m.Type; <-release; return nil },
		"quick.v1": func(_ context.Context, m messaging.Message) error { runs <- m.Type; return nil },
	}, withClaimAfter(50*time.Millisecond, time.Hour)) // no heartbeat at all
	r.publish("slow.v1", "slow")
	if first := <-runs; first != "slow.v1" {
		t.Fatalf("%s ran first", first)
	}
	r.publish("quick.v1", "quick")
	<-runs
	r.awaitBacklog("g", 1)
	// Both are pending with the consumer now, and long due. It takes the one that it does not hold.
	for _, entry := range r.client.XRange(t.Context(), notes, "-", "+").Val() {
		r.client.Do(t.Context(), "XCLAIM", notes, "g", "g-1", 0, entry.ID, "FORCE", "IDLE", 60_000, "JUSTID")
	}
	if again := <-runs; again != "quick.v1" {
		t.Errorf("%s ran twice at once", again)
	}
	close(release)
	r.awaitBacklog("g", 0)
}

func TestABadTraceparentStartsANewTrace(t *testing.T) {
	r := newRig(t, 1)
	r.consume("g", handlers{"note.v1": func(context.Context, messaging.Message) error { return nil }})
	m, err := messaging.NewMessage(t.Context(), note{kind: "note.v1", about: "s"})
	if err != nil {
		t.Fatal(err)
	}
	m.Source = "/test"
	m.Headers.Set("traceparent", "00-\x00-\xff-zz")
	m.Headers.Set("baggage", "=;,%zz")
	if err := errors.Join(r.publisher.Publish(t.Context(), m)...); err != nil {
		t.Fatal(err)
	}
	messagingtest.Eventually(t, "it is processed", func() error {
		if len(r.ended("process notes")) == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	if span := r.ended("process notes")[0]; span.Parent().IsValid() || len(span.Links()) != 0 {
		t.Errorf("parent %v, links %v", span.Parent(), span.Links())
	}
}

// In test mode the baggage of one message steers its own telemetry.
func TestSteering(t *testing.T) {
	asItIs := func(*messaging.Config, *messaging.ConsumerConfig) {}
	testMode := func(c *messaging.Config, _ *messaging.ConsumerConfig) { c.TestMode = true }
	for name, test := range map[string]struct {
		baggage           string
		change            func(*messaging.Config, *messaging.ConsumerConfig)
		sameTrace, linked bool
	}{
		"default":                 {"customer.tier=premium", asItIs, true, true},
		"no propagation":          {"clew.propagation=off", testMode, false, false},
		"link only":               {"clew.relation=link", testMode, false, true},
		"not in test mode":        {"clew.propagation=off,clew.relation=link", asItIs, true, true},
		"no propagation, for all": {"", func(c *messaging.Config, _ *messaging.ConsumerConfig) { c.WithoutContext = true }, false, false},
		"link only, for all":      {"", func(_ *messaging.Config, c *messaging.ConsumerConfig) { c.Relation = messaging.LinkOnly }, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1)
			config, consumer := r.config(), messaging.ConsumerConfig{Group: "g", BaggageAttributes: []string{"customer.tier"}}
			test.change(&config, &consumer)
			inside := make(chan context.Context, 1)
			r.run(config, consumer, handlers{"note.v1": func(ctx context.Context, _ messaging.Message) error {
				inside <- ctx
				return nil
			}})
			ctx, creation := r.tracer.Tracer("test").Start(t.Context(), "create notes")
			m, err := messaging.NewMessage(ctx, note{kind: "note.v1", about: "s"})
			if err != nil {
				t.Fatal(err)
			}
			m.Source = "/test"
			m.Headers.Set("baggage", test.baggage)
			if err := errors.Join(messaging.New(r.client, config).Publisher().Publish(t.Context(), m)...); err != nil {
				t.Fatal(err)
			}
			handler := <-inside
			r.awaitBacklog("g", 0)
			if got := baggage.FromContext(handler).String(); got != test.baggage && len(got) != len(test.baggage) {
				t.Errorf("the handler has the baggage %q", got)
			}
			send, process := r.ended("send notes")[0], r.ended("process notes")[0]
			if send.Parent().SpanID() != creation.SpanContext().SpanID() {
				t.Error("send is not in the trace of the creation")
			}
			if got := process.SpanContext().TraceID() == creation.SpanContext().TraceID(); got != test.sameTrace {
				t.Errorf("processing is in the trace of the creation: %v", got)
			}
			if got := len(process.Links()) == 1; got != test.linked {
				t.Errorf("processing has links %v", process.Links())
			}
			if got := attributes(process)["customer.tier"]; (got == "premium") != strings.Contains(test.baggage, "premium") {
				t.Errorf("customer.tier is %q", got)
			}
		})
	}
}

// A fetch that waits in Redis has asked for as much as there was room for, and gets it when a claim has filled the room.
func TestAConsumerHoldsNoMoreThanItMay(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		r.publish("note.v1", subjects(300)...)
		r.die("g", "dead-1", 1)
		release, handled := make(chan struct{}), make(chan struct{}, 1000)
		r.consume("g", handlers{"note.v1": func(context.Context, messaging.Message) error {
			<-release
			handled <- struct{}{}
			return nil
		}}, takeovers, withBlock(3*time.Second))
		holds := func() (held int64) {
			for partition := range r.partitions {
				consumers, err := r.client.XInfoConsumers(t.Context(), messaging.StreamKey("notes", partition), "g").Result()
				if err != nil {
					t.Fatal(err)
				}
				for _, consumer := range consumers {
					if consumer.Name == "g-1" {
						held += consumer.Pending
					}
				}
			}
			return held
		}
		messagingtest.Eventually(t, "a claim has filled its room", func() error {
			if holds() == 0 {
				return errors.New("nothing is held")
			}
			return nil
		})
		r.publish("note.v1", subjects(300)...)
		messagingtest.Eventually(t, "a fetch has filled its room", func() error {
			if now := holds(); now < 24 {
				return fmt.Errorf("%d are held", now)
			}
			return nil
		})
		// Two for each worker, and one for each partition, because fetches do not wait for each other.
		if held, most := holds(), 32+int64(r.partitions); held > most {
			t.Errorf("%d messages are held, expected at most %d", held, most)
		}
		close(release)
		for range 600 {
			<-handled
		}
	})
}
