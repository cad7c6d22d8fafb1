package messaging_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

type notesStream struct{}

func (notesStream) Name() string { return "notes" }

// A note is of the type and about the subject that a test gives it.
type note struct {
	N           int `json:"n"`
	kind, about string
}

func (note) Stream() notesStream { return notesStream{} }
func (n note) Type() string      { return n.kind }
func (n note) Subject() string   { return n.about }
func (note) Validate() error     { return nil }

// handlers are functions by the types that they handle.
type handlers map[string]func(ctx context.Context, m messaging.Message) error

func (h handlers) list() (list []messaging.Handler[notesStream]) {
	for eventType, handle := range h {
		list = append(list, messaging.OnType[notesStream](eventType, handle))
	}
	return list
}

// A rig is a stream on a Redis of the test's own, with everything that is told about it recorded.
type rig struct {
	t          *testing.T
	url        string
	client     redis.UniversalClient
	partitions int
	spans      *tracetest.SpanRecorder
	tracer     trace.TracerProvider
	registry   *prometheus.Registry
	publisher  *messaging.Publisher
}

func newRig(t *testing.T, partitions int) *rig {
	url := messagingtest.Redis(t)
	spans := tracetest.NewSpanRecorder()
	r := &rig{
		t: t, url: url, client: messagingtest.Client(t, url), partitions: partitions, spans: spans,
		tracer: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)), registry: prometheus.NewRegistry(),
	}
	r.publisher = messaging.New(r.client, r.config()).Publisher()
	return r
}

func (r *rig) config() messaging.Config {
	return messaging.Config{
		Partitions: r.partitions, Source: "/test", TracerProvider: r.tracer, Registerer: r.registry,
		Logger: slog.New(slog.NewTextHandler(r.t.Output(), nil)),
	}
}

// An option changes how a consumer reads.
type option func(*messaging.ConsumerConfig)

func withName(name string) option { return func(c *messaging.ConsumerConfig) { c.Name = name } }

func withBlock(d time.Duration) option { return func(c *messaging.ConsumerConfig) { c.Block = d } }

func withHandlerTimeout(d time.Duration) option {
	return func(c *messaging.ConsumerConfig) { c.HandlerTimeout = d }
}

func withShutdownTimeout(d time.Duration) option {
	return func(c *messaging.ConsumerConfig) { c.ShutdownTimeout = d }
}

func withClaimAfter(claimAfter, heartbeat time.Duration) option {
	return func(c *messaging.ConsumerConfig) { c.ClaimAfter, c.Heartbeat = claimAfter, heartbeat }
}

func withBackoff(first, most time.Duration) option {
	return func(c *messaging.ConsumerConfig) { c.BackoffFirst, c.BackoffMost = first, most }
}

// publish adds one message of the type to each subject, and returns their ids.
func (r *rig) publish(eventType string, subjects ...string) []string {
	r.t.Helper()
	var ids []string
	var messages []messaging.Message
	for i, subject := range subjects {
		m, err := messaging.NewMessage(r.t.Context(), note{i, eventType, subject})
		if err != nil {
			r.t.Fatal(err)
		}
		m.Source = "/test"
		ids, messages = append(ids, m.ID), append(messages, m)
	}
	if err := errors.Join(r.publisher.Publish(r.t.Context(), messages...)...); err != nil {
		r.t.Fatal(err)
	}
	return ids
}

// consume starts a consumer of a group, and returns what stops it and waits for its end. It stops with the test too.
func (r *rig) consume(group string, handle handlers, options ...option) (stop func()) {
	r.t.Helper()
	return r.run(r.config(), messaging.ConsumerConfig{Group: group}, handle, options...)
}

func (r *rig) run(config messaging.Config, consumer messaging.ConsumerConfig, handle handlers, options ...option) (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	consumer.Name, consumer.Block = consumer.Group+"-1", 50*time.Millisecond
	for _, option := range options {
		option(&consumer)
	}
	streams := messaging.New(messagingtest.Client(r.t, r.url), config)
	running := messaging.NewConsumer(streams, notesStream{}, consumer, handle.list()...)
	ended := make(chan error, 1)
	go func() { ended <- running.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Errorf("the consumer ended with: %v", err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

// backlog is what a group has not acknowledged: pending, and not delivered. It is -1 until the group is there.
func (r *rig) backlog(group string) (pending, lag int64) {
	for partition := range r.partitions {
		groups, err := r.client.XInfoGroups(context.Background(), messaging.StreamKey("notes", partition)).Result()
		i := slices.IndexFunc(groups, func(g redis.XInfoGroup) bool { return g.Name == group })
		if err != nil || i < 0 {
			return -1, -1
		}
		pending += groups[i].Pending
		lag += groups[i].Lag
	}
	return pending, lag
}

// ended are the spans of a name that have ended so far.
func (r *rig) ended(name string) []sdktrace.ReadOnlySpan {
	var spans []sdktrace.ReadOnlySpan
	for _, span := range r.spans.Ended() {
		if span.Name() == name {
			spans = append(spans, span)
		}
	}
	return spans
}

// value is the sum of a counter over its labels.
func (r *rig) value(counter string) (sum float64) {
	r.t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == counter {
				sum += metric.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func (r *rig) awaitBacklog(group string, wantPending int64) {
	r.t.Helper()
	messagingtest.Eventually(r.t, "the group has settled all but the failed", func() error {
		if pending, lag := r.backlog(group); pending != wantPending || lag != 0 {
			return fmt.Errorf("pending %d, lag %d, expected %d and 0", pending, lag, wantPending)
		}
		return nil
	})
}

func partitions(t *testing.T, test func(t *testing.T, r *rig)) {
	for _, n := range []int{1, 3, 64} {
		t.Run(fmt.Sprintf("%d partitions", n), func(t *testing.T) {
			t.Parallel()
			test(t, newRig(t, n))
		})
	}
}

func subjects(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("s-%d", i))
	}
	return names
}

func TestEachMessageIsProcessedAndAcknowledged(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		got := make(chan string, 1000)
		r.consume("g", handlers{"note.v1": func(_ context.Context, m messaging.Message) error {
			got <- m.ID
			return nil
		}})
		want := r.publish("note.v1", subjects(1000)...)
		var ids []string
		for range want {
			ids = append(ids, <-got)
		}
		slices.Sort(want)
		slices.Sort(ids)
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Error(diff)
		}
		r.awaitBacklog("g", 0)
	})
}

func TestAGroupMayStartAfterItsMessages(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		r.publish("note.v1", subjects(5)...)
		r.consume("late", handlers{"note.v1": func(context.Context, messaging.Message) error { return nil }})
		messagingtest.Eventually(t, "the group exists", func() error {
			if pending, lag := r.backlog("late"); pending+lag != 0 {
				return fmt.Errorf("pending %d, lag %d", pending, lag)
			}
			return nil
		})
		if n := testutil.CollectAndCount(r.registry, "messaging_client_consumed_messages_total"); n != 1 {
			t.Errorf("%d series of consumed messages", n)
		}
	})
}

func TestATemporaryGroupSeesOnlyNewMessagesAndLeavesNothing(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		r.publish("note.v1", "before")
		got := make(chan string, 10)
		stop := r.run(r.config(), messaging.ConsumerConfig{Group: "watch", Temporary: true}, handlers{
			"note.v1": func(_ context.Context, m messaging.Message) error { got <- m.ID; return errors.New("no luck") },
		})
		messagingtest.Eventually(t, "the group exists in each partition", func() error {
			for partition := range r.partitions {
				groups, err := r.client.XInfoGroups(t.Context(), messaging.StreamKey("notes", partition)).Result()
				if err != nil || len(groups) != 1 {
					return fmt.Errorf("groups %v, error %w", groups, err)
				}
			}
			return nil
		})
		want := r.publish("note.v1", "after")[0]
		if id := <-got; id != want {
			t.Errorf("got %s, expected %s", id, want)
		}
		stop()
		for partition := range r.partitions {
			groups, err := r.client.XInfoGroups(t.Context(), messaging.StreamKey("notes", partition)).Result()
			if err != nil || len(groups) != 0 {
				t.Errorf("groups %v, error %v", groups, err)
			}
		}
	})
}

func TestTwoGroupsEachGetEveryMessage(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		got := map[string]chan string{"a": make(chan string, 10), "b": make(chan string, 10)}
		for group, ids := range got {
			r.consume(group, handlers{"note.v1": func(_ context.Context, m messaging.Message) error {
				ids <- m.ID
				return nil
			}})
		}
		want := r.publish("note.v1", subjects(10)...)
		slices.Sort(want)
		for group := range got {
			var ids []string
			for range want {
				ids = append(ids, <-got[group])
			}
			slices.Sort(ids)
			if diff := cmp.Diff(want, ids); diff != "" {
				t.Errorf("group %s: %s", group, diff)
			}
			r.awaitBacklog(group, 0)
		}
	})
}

func TestMessagesOfOneSubjectRunInOrderOneAtATime(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		var mu sync.Mutex
		running := map[string]bool{}
		order := map[string][]int{}
		all := make(chan struct{}, 300)
		r.consume("g", handlers{"note.v1": func(_ context.Context, m messaging.Message) error {
			var payload note
			err := json.Unmarshal(m.Data, &payload)
			mu.Lock()
			if running[m.Subject] {
				t.Errorf("two messages of %s at once", m.Subject)
			}
			running[m.Subject] = true
			order[m.Subject] = append(order[m.Subject], payload.N)
			mu.Unlock()
			defer func() {
				mu.Lock()
				running[m.Subject] = false
				mu.Unlock()
				all <- struct{}{}
			}()
			return err
		}})
		var mixed []string
		for range 100 {
			mixed = append(mixed, "x", "y", "z")
		}
		r.publish("note.v1", mixed...)
		for range mixed {
			<-all
		}
		mu.Lock()
		defer mu.Unlock()
		for subject, numbers := range order {
			if !slices.IsSorted(numbers) {
				t.Errorf("messages of %s came as %v", subject, numbers)
			}
		}
	})
}

func TestASlowMessageHoldsUpOnlyItsSubject(t *testing.T) {
	partitions(t, func(_ *testing.T, r *rig) {
		release, quick := make(chan struct{}), make(chan struct{}, 50)
		defer close(release)
		r.consume("g", handlers{
			"slow.v1":  func(context.Context, messaging.Message) error { <-release; return nil },
			"quick.v1": func(context.Context, messaging.Message) error { quick <- struct{}{}; return nil },
		})
		r.publish("slow.v1", "slow")
		r.publish("quick.v1", subjects(50)...)
		for range 50 {
			<-quick
		}
	})
}

func TestAStopFinishesWhatWasFetched(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		started, release := make(chan struct{}, 20), make(chan struct{})
		stop := r.consume("g", handlers{"note.v1": func(ctx context.Context, _ messaging.Message) error {
			started <- struct{}{}
			<-release
			return ctx.Err()
		}})
		r.awaitBacklog("g", 0) // it has joined everywhere
		r.publish("note.v1", subjects(10)...)
		for range 10 {
			<-started
		}
		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		close(release)
		<-stopped
		if pending, lag := r.backlog("g"); pending != 0 || lag != 0 {
			t.Errorf("after the stop: pending %d, lag %d", pending, lag)
		}
		for partition := range r.partitions {
			consumers, err := r.client.XInfoConsumers(t.Context(), messaging.StreamKey("notes", partition), "g").Result()
			if err != nil || len(consumers) != 0 {
				t.Errorf("partition %d still has consumers %v (%v)", partition, consumers, err)
			}
		}
	})
}

func TestAStopDoesNotWaitForEver(t *testing.T) {
	r := newRig(t, 1)
	started, cancelled := make(chan struct{}), make(chan struct{})
	stop := r.consume("g", handlers{"note.v1": func(ctx context.Context, _ messaging.Message) error {
		close(started)
		<-ctx.Done()
		close(cancelled)
		return ctx.Err()
	}}, withShutdownTimeout(20*time.Millisecond))
	r.publish("note.v1", "s")
	<-started
	stop()
	<-cancelled
	if pending, _ := r.backlog("g"); pending != 1 {
		t.Errorf("%d pending, expected the unfinished message", pending)
	}
}

func TestADeletedGroupIsMadeAgain(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		got := make(chan string, 10)
		r.consume("g", handlers{"note.v1": func(_ context.Context, m messaging.Message) error {
			got <- m.ID
			return nil
		}})
		r.publish("note.v1", "before")
		<-got
		if err := r.client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		want := r.publish("note.v1", "after")[0]
		if id := <-got; id != want {
			t.Errorf("got %s, expected %s", id, want)
		}
	})
}

func TestPublishToAServerThatIsAway(t *testing.T) {
	client := messagingtest.Client(t, "unix:///nowhere/s")
	m, err := messaging.NewMessage(t.Context(), note{kind: "note.v1", about: "s"})
	if err != nil {
		t.Fatal(err)
	}
	m.Source = "/test"
	unreadable := m
	unreadable.ID = ""
	errs := messaging.New(client, messaging.Config{}).Publisher().Publish(t.Context(), m, unreadable)
	if errs[0] == nil || messaging.IsPermanent(errs[0]) {
		t.Errorf("an outage is not the message's fault: %v", errs[0])
	}
	if !messaging.IsPermanent(errs[1]) {
		t.Errorf("a message that cannot be encoded is: %v", errs[1])
	}
}

func TestSpansOfOneMessage(t *testing.T) {
	partitions(t, func(t *testing.T, r *rig) {
		ctx, creation := r.tracer.Tracer("test").Start(t.Context(), "create notes")
		m, err := messaging.NewMessage(ctx, note{kind: "note.v1", about: "s"})
		if err != nil {
			t.Fatal(err)
		}
		m.Source = "/test"
		inside := make(chan trace.SpanContext, 1)
		r.consume("g", handlers{"note.v1": func(ctx context.Context, _ messaging.Message) error {
			inside <- trace.SpanContextFromContext(ctx)
			return errors.New("no luck")
		}})
		if err := errors.Join(r.publisher.Publish(context.Background(), m)...); err != nil {
			t.Fatal(err)
		}
		seen := <-inside
		var send, process sdktrace.ReadOnlySpan
		messagingtest.Eventually(t, "both spans ended", func() error {
			for _, span := range r.spans.Ended() {
				switch span.Name() {
				case "send notes":
					send = span
				case "process notes":
					process = span
				}
			}
			if send == nil || process == nil {
				return errors.New("missing")
			}
			return nil
		})
		for _, span := range []sdktrace.ReadOnlySpan{send, process} {
			if span.Parent().SpanID() != creation.SpanContext().SpanID() || span.Parent().TraceID() != creation.SpanContext().TraceID() {
				t.Errorf("%s is not a child of the creation context", span.Name())
			}
		}
		if seen.SpanID() != process.SpanContext().SpanID() {
			t.Error("the handler did not run inside its span")
		}
		if links := process.Links(); len(links) != 1 || links[0].SpanContext.SpanID() != creation.SpanContext().SpanID() {
			t.Errorf("process links to %v", links)
		}
		if send.SpanKind() != trace.SpanKindClient || process.SpanKind() != trace.SpanKindConsumer {
			t.Errorf("kinds %v and %v", send.SpanKind(), process.SpanKind())
		}
		if process.Status().Code != codes.Error || len(process.Events()) != 1 {
			t.Errorf("a failed attempt has status %v and events %v", process.Status(), process.Events())
		}
		common := map[string]string{
			"messaging.system": "redis_streams", "messaging.destination.name": "notes",
			"messaging.destination.partition.id":     map[int]string{1: "0", 3: "1", 64: "2"}[r.partitions], // of the subject "s"
			"messaging.message.id":                   m.ID,
			"messaging.message.conversation_id":      "s",
			"cloudevents.event_type":                 "note.v1",
			"server.address":                         strings.TrimPrefix(r.url, "unix://"),
			"messaging.redis_streams.entry_id":       "*",
			"messaging.redis_streams.outbox_wait_ms": "*",
			"messaging.operation.name":               "send",
			"messaging.operation.type":               "send",
		}
		if diff := cmp.Diff(common, attributes(send)); diff != "" {
			t.Errorf("send: %s", diff)
		}
		delete(common, "messaging.redis_streams.outbox_wait_ms")
		for name, value := range map[string]string{
			"messaging.operation.name": "process", "messaging.operation.type": "process",
			"messaging.consumer.group.name": "g", "messaging.client.id": "g-1",
			"messaging.redis_streams.delivery_count": "1", "messaging.redis_streams.stream_wait_ms": "*",
			"messaging.redis_streams.outcome": "retry", "error.type": "_OTHER",
		} {
			common[name] = value
		}
		if diff := cmp.Diff(common, attributes(process)); diff != "" {
			t.Errorf("process: %s", diff)
		}
	})
}

// attributes are a span's, with "*" for what differs from run to run.
func attributes(span sdktrace.ReadOnlySpan) map[string]string {
	set := map[string]string{}
	for _, a := range span.Attributes() {
		value := a.Value.String()
		switch a.Key {
		case "messaging.redis_streams.entry_id", "messaging.redis_streams.outbox_wait_ms", "messaging.redis_streams.stream_wait_ms":
			value = "*"
		}
		set[string(a.Key)] = value
	}
	return set
}

// Before Redis 7.2 a fetch that finds nothing is no sign of life: an idle consumer must not look dead.
func TestAnIdleConsumerIsHeardOf(t *testing.T) {
	r := newRig(t, 1)
	defer r.consume("g", handlers{}, withClaimAfter(time.Second, 200*time.Millisecond))()
	last := time.Duration(0)
	messagingtest.Eventually(t, "it is heard of again", func() error {
		consumers, err := r.client.XInfoConsumers(t.Context(), notes, "g").Result()
		if err != nil || len(consumers) != 1 {
			return fmt.Errorf("consumers %v (%w)", consumers, err)
		}
		before := last
		if last = consumers[0].Idle; last >= before {
			return fmt.Errorf("silent for %v", last)
		}
		return nil
	})
}
