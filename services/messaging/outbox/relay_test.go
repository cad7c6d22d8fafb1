package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"gorm.io/gorm"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

type lamps struct{}

func (lamps) Name() string { return "lamps" }

// lit is an event of any size.
type lit struct{ Lamp, Data string }

func (lit) Stream() lamps     { return lamps{} }
func (lit) Type() string      { return "lamp.lit.v1" }
func (e lit) Subject() string { return e.Lamp }
func (lit) Validate() error   { return nil }

// leave leaves a message about a subject, and returns its id.
func (o *lampbox) leave(t *testing.T, subject string, size int) string {
	t.Helper()
	err := o.Transaction(t.Context(), func(ctx context.Context, tx *Tx[*gorm.DB]) error {
		return Create(ctx, tx, lit{subject, strings.Repeat("x", size)})
	})
	if err != nil {
		t.Fatal(err)
	}
	var id string
	if err := o.db.Read.Raw("SELECT MAX(id) FROM outbox").Scan(&id).Error; err != nil {
		t.Fatal(err)
	}
	return id
}

// run runs a relay to streams of so many partitions until the test ends.
func (o *lampbox) run(t *testing.T, client redis.UniversalClient, partitions int, log *slog.Logger) {
	t.Helper()
	o.streams = messaging.New(client, messaging.Config{Partitions: partitions, Source: "/lamps", Logger: log})
	relay := NewRelay(o.Table)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// awaitStream waits until a partition has so many messages, and wants just them, in this order.
func awaitStream(t *testing.T, client redis.UniversalClient, partition int, ids ...string) {
	t.Helper()
	key := messaging.StreamKey("lamps", partition)
	messagingtest.Eventually(t, "messages are on their stream", func() error {
		n, err := client.XLen(t.Context(), key).Result()
		if err == nil && n < int64(len(ids)) {
			err = fmt.Errorf("%d messages, want %d", n, len(ids))
		}
		return err
	})
	var got []string
	for _, entry := range client.XRange(t.Context(), key, "-", "+").Val() {
		got = append(got, entry.Values["id"].(string))
	}
	if !slices.Equal(got, ids) {
		t.Fatalf("%d messages, want %d, in their order", len(got), len(ids))
	}
}

func TestAPartitionThatTakesNothingHoldsUpNoOther(t *testing.T) {
	messagingtest.EachDatabase(t, testAPartitionThatTakesNothingHoldsUpNoOther)
}

func testAPartitionThatTakesNothingHoldsUpNoOther(t *testing.T, databaseURL string) {
	const partitions, rows = 4, 10_000
	o, client := open(t, databaseURL), messagingtest.Client(t, messagingtest.Redis(t))
	dead, alive := messaging.PartitionOf("desk", partitions), messaging.PartitionOf("wall", partitions)
	if dead == alive {
		t.Fatal("both subjects are in one partition")
	}
	key := messaging.StreamKey("lamps", dead)
	if err := client.Set(t.Context(), key, "not a stream", 0).Err(); err != nil {
		t.Fatal(err)
	}
	// They are in front of all that follow.
	o.exec(t, `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
		INSERT INTO outbox
			(id, stream, source, type, subject, time, data, traceparent, tracestate, baggage, cause_id, subject_hash)
		SELECT '00' || (100000 + n), 'lamps', '/lamps', 'lamp.lit.v1', 'desk', n, '{}', '', '', '', '', CAST(? AS BIGINT) FROM numbers`,
		rows, messaging.SubjectHash("desk"))
	var log messagingtest.Log
	first := o.leave(t, "wall", 1)
	o.run(t, client, partitions, slog.New(slog.NewTextHandler(&log, nil)))
	awaitStream(t, client, alive, first)
	second := o.leave(t, "wall", 1)
	awaitStream(t, client, alive, first, second)
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "WRONGTYPE") {
		t.Errorf("%d lines, want one, about the partition:\n%.1000s", n, &log)
	}

	var ids []string
	if err := o.db.Read.Raw("SELECT id FROM outbox WHERE subject = 'desk' AND failures = 0 ORDER BY id").Scan(&ids).Error; err != nil {
		t.Fatal(err)
	}
	if len(ids) != rows {
		t.Errorf("what the partition did not take was counted against %d messages", rows-len(ids))
	}
	few := 1200 // is enough for some batches
	o.exec(t, "DELETE FROM outbox WHERE subject = 'desk' AND id > ?", ids[few-1])
	ids = ids[:few]
	if err := client.Del(t.Context(), key).Err(); err != nil {
		t.Fatal(err)
	}
	awaitStream(t, client, dead, ids...)
	third := o.leave(t, "desk", 1)
	awaitStream(t, client, dead, append(ids, third)...)
	if !strings.Contains(log.String(), "publishing the outbox goes on") {
		t.Errorf("the end is not in the log:\n%.1000s", &log)
	}
}

// sizes records how much data each pipeline has.
type sizes struct {
	redis.Hook

	mu   sync.Mutex
	data []int
}

func (s *sizes) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (s *sizes) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (s *sizes) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		total := 0
		for _, command := range commands {
			for i, arg := range command.Args() {
				if arg == "data" {
					total += len(command.Args()[i+1].(string))
				}
			}
		}
		s.mu.Lock()
		s.data = append(s.data, total)
		s.mu.Unlock()
		return next(ctx, commands)
	}
}

// A slow network takes so many bytes within the client's timeout and not more: what is sent in one piece must not depend
// on how much waits.
func TestABatchIsBoundedByItsBytes(t *testing.T) {
	messagingtest.EachDatabase(t, testABatchIsBoundedByItsBytes)
}

func testABatchIsBoundedByItsBytes(t *testing.T, databaseURL string) {
	o, client := open(t, databaseURL), messagingtest.Client(t, messagingtest.Redis(t))
	sent := &sizes{}
	client.AddHook(sent)
	var ids []string
	for range 40 {
		ids = append(ids, o.leave(t, "desk", 120<<10))
	}
	o.run(t, client, 1, slog.New(slog.DiscardHandler))
	awaitStream(t, client, 0, ids...)
	sent.mu.Lock()
	defer sent.mu.Unlock()
	if most := slices.Max(sent.data); most > 1<<20 || len(sent.data) > 6 {
		t.Errorf("the batches have %d bytes, want at most 1 MiB each, and as few as that allows", sent.data)
	}
}

func TestARowThatIsLargerThanABatchIsOne(t *testing.T) {
	messagingtest.EachDatabase(t, func(t *testing.T, databaseURL string) {
		o := open(t, databaseURL)
		o.fill(t, 3)
		o.exec(t, "UPDATE outbox SET data = ?", strings.Repeat("x", 2<<20))
		for range 3 {
			if leased := o.mustLease(t); len(leased) != 1 {
				t.Errorf("leased %d", len(leased))
			}
		}
	})
}
