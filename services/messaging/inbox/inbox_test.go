package inbox_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"
	"gorm.io/gorm"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/inbox"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/services/messaging/outbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var own = fstest.MapFS{"0001_lamps.sql": {Data: []byte(
	"-- +goose Up\nCREATE TABLE lamps (name TEXT PRIMARY KEY);\n-- +goose Down\nDROP TABLE lamps;\n")}}

type lamp struct {
	Name string `gorm:"primaryKey"`
}

// switched is an event with which the tests fill streams.
type switched struct {
	Lamp string `json:"lamp"`
}

type lamps struct{}

func (lamps) Name() string { return "lamps" }

func (switched) Stream() lamps     { return lamps{} }
func (switched) Type() string      { return "lamp.switched.v1" }
func (s switched) Subject() string { return s.Lamp }

func (s switched) Validate() error {
	if s.Lamp == "" {
		return errors.New("lamp is empty")
	}
	return nil
}

type rig struct {
	t       *testing.T
	db      *database.DB
	spans   *tracetest.SpanRecorder
	tp      *sdktrace.TracerProvider
	client  redis.UniversalClient
	streams *messaging.Streams
	outbox  *outbox.Outbox[*gorm.DB]
}

func newRig(t *testing.T, databaseURL string) *rig {
	t.Helper()
	r := &rig{t: t, spans: tracetest.NewSpanRecorder(), client: messagingtest.Client(t, messagingtest.Redis(t))}
	r.tp = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r.spans))
	r.streams = r.streamsOf(r.client, slog.New(slog.NewTextHandler(t.Output(), nil)))
	r.open(databaseURL)
	return r
}

func (r *rig) open(databaseURL string) {
	r.t.Helper()
	db, err := database.Open(r.t.Context(), databaseURL, own, r.tp, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = db.Close() })
	r.db = db
	r.outbox = outbox.New(db, db.System(), r.streams)
}

func (r *rig) streamsOf(client redis.UniversalClient, logger *slog.Logger) *messaging.Streams {
	return messaging.New(client, messaging.Config{Source: "/lamps", TracerProvider: r.tp, Logger: logger})
}

// run starts a relay, and returns what stops it and waits for its end.
func (r *rig) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	relay, ended := outbox.NewRelay(r.outbox.Table), make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Errorf("the relay ended with: %v", err)
		}
	}
}

// leave commits a lamp and the event about it.
func (r *rig) leave(ctx context.Context, name string) error {
	return r.outbox.Transaction(ctx, func(ctx context.Context, tx *outbox.Tx[*gorm.DB]) error {
		return outbox.CreateAround(ctx, tx, func(ctx context.Context) (messaging.Event[lamps], error) {
			return switched{name}, gorm.G[lamp](tx.DB).Create(ctx, &lamp{name})
		})
	})
}

// entries are the ids of the messages on the stream.
func (r *rig) entries() []string {
	r.t.Helper()
	entries, err := r.client.XRange(context.Background(), "lamps:{0}", "-", "+").Result()
	if err != nil {
		r.t.Fatal(err)
	}
	var ids []string
	for _, entry := range entries {
		ids = append(ids, entry.Values["id"].(string))
	}
	return ids
}

func (r *rig) awaitEntries(n int) []string {
	r.t.Helper()
	messagingtest.Eventually(r.t, "entries are on the stream", func() error {
		if got := len(r.entries()); got != n {
			return errors.New("wrong number of entries")
		}
		return nil
	})
	return r.entries()
}

func (r *rig) count(where string, args ...any) (n int64) {
	r.t.Helper()
	if err := r.db.Read.Table("outbox").Where(where, args...).Count(&n).Error; err != nil {
		r.t.Fatal(err)
	}
	return n
}

func TestAMessageIsPublishedIfItsTransactionCommits(t *testing.T) {
	messagingtest.EachDatabase(t, testAMessageIsPublishedIfItsTransactionCommits)
}

func testAMessageIsPublishedIfItsTransactionCommits(t *testing.T, databaseURL string) {
	r := newRig(t, databaseURL)
	stop := r.run()
	if err := r.leave(t.Context(), "desk"); err != nil {
		t.Fatal(err)
	}
	if err := r.leave(t.Context(), "desk"); !errors.Is(err, gorm.ErrDuplicatedKey) {
		t.Fatalf("the second lamp of a name: %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = r.outbox.Transaction(t.Context(), func(ctx context.Context, tx *outbox.Tx[*gorm.DB]) error {
			return outbox.CreateAround(ctx, tx, func(context.Context) (messaging.Event[lamps], error) { panic("ouch") })
		})
	}()
	r.awaitEntries(1)
	stop()
	if n := r.count("published_at > 0"); n != 1 {
		t.Errorf("%d rows published", n)
	}
	var failed int
	for _, span := range r.spans.Ended() {
		if span.Name() == "create lamps" && span.Status().Code == codes.Error {
			failed++
		}
	}
	if failed != 2 {
		t.Errorf("%d create spans failed, expected those of the rollback and of the panic", failed)
	}
}

func TestTheStoredContextIsTheMessages(t *testing.T) {
	messagingtest.EachDatabase(t, testTheStoredContextIsTheMessages)
}

func testTheStoredContextIsTheMessages(t *testing.T, databaseURL string) {
	r := newRig(t, databaseURL)
	ctx, request := r.tp.Tracer("test").Start(t.Context(), "request")
	if err := r.leave(ctx, "desk"); err != nil {
		t.Fatal(err)
	}
	request.End()
	r.run()()
	entries, err := r.client.XRange(t.Context(), "lamps:{0}", "-", "+").Result()
	if err != nil || len(entries) != 1 {
		t.Fatalf("entries %v, error %v", entries, err)
	}
	names := map[string]string{}
	for _, span := range r.spans.Ended() {
		names[span.SpanContext().SpanID().String()] = span.Name()
		if span.SpanContext().TraceID() != request.SpanContext().TraceID() {
			t.Errorf("%s is in another trace", span.Name())
		}
	}
	parent := strings.Split(entries[0].Values["traceparent"].(string), "-")
	if parent[1] != request.SpanContext().TraceID().String() || names[parent[2]] != "create lamps" {
		t.Errorf("traceparent %v names %q", parent, names[parent[2]])
	}
	var tree []string
	for _, span := range r.spans.Ended() {
		tree = append(tree, span.Name()+" < "+names[span.Parent().SpanID().String()])
	}
	slices.Sort(tree)
	want := []string{
		"COMMIT < create lamps", "INSERT lamps < create lamps", "INSERT outbox < create lamps",
		"create lamps < request", "request < ", "send lamps < create lamps",
	}
	if diff := cmp.Diff(want, tree); diff != "" {
		t.Error(diff)
	}
}

func TestSeveralRelaysPublishEachMessageOnce(t *testing.T) {
	messagingtest.EachDatabase(t, testSeveralRelaysPublishEachMessageOnce)
}

func testSeveralRelaysPublishEachMessageOnce(t *testing.T, databaseURL string) {
	r := newRig(t, databaseURL)
	const n = 1200 // several batches
	for i := range n {
		if err := r.leave(t.Context(), "lamp-"+string(rune('A'+i%26))+strings.Repeat("x", i/26)); err != nil {
			t.Fatal(err)
		}
	}
	var relays sync.WaitGroup
	for range 4 {
		r.open(databaseURL) // as another process
		stop := r.run()
		relays.Go(func() { r.awaitEntries(n); stop() })
	}
	relays.Wait()
	ids := r.entries()
	slices.Sort(ids)
	if got := len(slices.Compact(ids)); got != n {
		t.Errorf("%d messages, %d of them different, expected %d", len(r.entries()), got, n)
	}
}

func TestARelayPassesOverWhatAnotherIsAboutToLease(t *testing.T) {
	r := newRig(t, messagingtest.Postgres(t)) // SQLite has one writer
	for _, name := range []string{"desk", "wall"} {
		if err := r.leave(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	other := r.db.Write.Begin()
	defer other.Rollback()
	if err := other.Exec("SELECT id FROM outbox WHERE subject = 'desk' FOR UPDATE").Error; err != nil {
		t.Fatal(err)
	}
	r.run()()
	if got := r.entries(); len(got) != 1 {
		t.Errorf("published %v, expected the other message only", got)
	}
}

func TestRowsOfADeadRelayAreTakenAfterTheLease(t *testing.T) {
	messagingtest.EachDatabase(t, testRowsOfADeadRelayAreTakenAfterTheLease)
}

func testRowsOfADeadRelayAreTakenAfterTheLease(t *testing.T, databaseURL string) {
	r := newRig(t, databaseURL)
	if err := r.leave(t.Context(), "leased"); err != nil {
		t.Fatal(err)
	}
	hold := r.db.Write.Exec("UPDATE outbox SET leased_until = 9000000000000000")
	if hold.Error != nil || hold.RowsAffected != 1 {
		t.Fatal(hold.Error)
	}
	r.run()()
	if got := r.entries(); len(got) != 0 {
		t.Fatalf("published what another relay holds: %v", got)
	}
	r.db.Write.Exec("UPDATE outbox SET leased_until = 1")
	r.run()()
	r.awaitEntries(1)
}

func TestARowThatCannotBePublishedIsParked(t *testing.T) {
	messagingtest.EachDatabase(t, testARowThatCannotBePublishedIsParked)
}

func testARowThatCannotBePublishedIsParked(t *testing.T, databaseURL string) {
	r := newRig(t, databaseURL)
	for _, name := range []string{"bad", "good"} {
		if err := r.leave(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	r.db.Write.Exec("UPDATE outbox SET type = '' WHERE subject = 'bad'")
	for range 7 { // each stop makes one last pass, at least
		r.run()()
	}
	r.awaitEntries(1)
	if n := r.count("failures = 5 AND published_at = 0 AND subject = 'bad'"); n != 1 {
		t.Error("the unreadable row is not parked after five failures")
	}
}

func TestAnOutageOfRedisParksNothing(t *testing.T) {
	messagingtest.EachDatabase(t, testAnOutageOfRedisParksNothing)
}

func testAnOutageOfRedisParksNothing(t *testing.T, databaseURL string) {
	r := newRig(t, databaseURL)
	away := messagingtest.Client(t, "unix:///nowhere/s")
	if err := r.leave(t.Context(), "desk"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 6 {
		var log strings.Builder
		if err := outbox.NewRelay(outbox.New(r.db, r.db.System(), r.streamsOf(away, slog.New(slog.NewTextHandler(&log, nil)))).Table).Run(ctx); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), "last pass") {
			t.Fatalf("the failed pass was not logged: %s", &log)
		}
	}
	if n := r.count("failures = 0 AND leased_until = 0"); n != 1 {
		t.Error("the outage was counted against the row, or the row is still leased")
	}
	r.run()()
	r.awaitEntries(1)
}

func TestAnEffectHappensOnceAndItsAnswerIsRepeated(t *testing.T) {
	messagingtest.EachDatabase(t, testAnEffectHappensOnceAndItsAnswerIsRepeated)
}

func testAnEffectHappensOnceAndItsAnswerIsRepeated(t *testing.T, databaseURL string) {
	r := newRig(t, databaseURL)
	effects := 0
	handler := messaging.On(inbox.Once(inbox.New(r.outbox, "g"), func(ctx context.Context, tx *outbox.Tx[*gorm.DB], event switched) error {
		effects++
		return outbox.Create(ctx, tx, event)
	}))
	question, err := messaging.NewMessage(t.Context(), switched{"desk"})
	if err != nil {
		t.Fatal(err)
	}
	if err := handler.Handle(t.Context(), question); err != nil {
		t.Fatal(err)
	}
	r.run()()
	answers := r.awaitEntries(1)
	for range 2 {
		if err := handler.Handle(t.Context(), question); !errors.Is(err, messaging.ErrDuplicate) {
			t.Fatalf("a second delivery: %v", err)
		}
	}
	r.run()()
	if effects != 1 {
		t.Errorf("%d effects", effects)
	}
	if diff := cmp.Diff([]string{answers[0], answers[0]}, r.entries()); diff != "" {
		t.Errorf("the answer was not published again under its id: %s", diff)
	}
}

func TestAnEventIsNewToEachGroup(t *testing.T) {
	messagingtest.EachDatabase(t, testAnEventIsNewToEachGroup)
}

func testAnEventIsNewToEachGroup(t *testing.T, databaseURL string) {
	r := newRig(t, databaseURL)
	question, err := messaging.NewMessage(t.Context(), switched{"desk"})
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range []string{"a", "b"} {
		handler := messaging.On(inbox.Once(inbox.New(r.outbox, group), func(context.Context, *outbox.Tx[*gorm.DB], switched) error { return nil }))
		if err := handler.Handle(t.Context(), question); err != nil {
			t.Errorf("group %s: %v", group, err)
		}
	}
}

func TestAFailedEffectLeavesNothing(t *testing.T) {
	messagingtest.EachDatabase(t, testAFailedEffectLeavesNothing)
}

func testAFailedEffectLeavesNothing(t *testing.T, databaseURL string) {
	r := newRig(t, databaseURL)
	fails := true
	handler := messaging.On(inbox.Once(inbox.New(r.outbox, "g"), func(ctx context.Context, tx *outbox.Tx[*gorm.DB], event switched) error {
		if err := gorm.G[lamp](tx.DB).Create(ctx, &lamp{event.Lamp}); err != nil {
			return err
		}
		if fails {
			return errors.New("no luck")
		}
		return nil
	}))
	question, err := messaging.NewMessage(t.Context(), switched{"desk"})
	if err != nil {
		t.Fatal(err)
	}
	if err := handler.Handle(t.Context(), question); err == nil {
		t.Fatal("no error")
	}
	fails = false
	if err := handler.Handle(t.Context(), question); err != nil {
		t.Errorf("the second attempt met remains of the first: %v", err)
	}
	bad := question
	bad.Data = []byte(`{"lamp":""}`)
	if err := handler.Handle(t.Context(), bad); !messaging.IsPermanent(err) {
		t.Errorf("a bad payload: %v", err)
	}
}
