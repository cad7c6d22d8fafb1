package outbox

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

// due are the ids of the messages that are to be published, again or for the first time.
func (o *lampbox) due(t *testing.T) (ids []string) {
	t.Helper()
	err := o.db.Read.Raw("SELECT id FROM outbox WHERE published_at = 0 AND leased_until = 0 AND failures = 0 ORDER BY id").Scan(&ids).Error
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestAReplayGoesInBatches(t *testing.T) { messagingtest.EachDatabase(t, testAReplayGoesInBatches) }

func testAReplayGoesInBatches(t *testing.T, databaseURL string) {
	o := open(t, databaseURL)
	const n = 2500
	o.exec(t, `WITH RECURSIVE numbers (n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
		INSERT INTO outbox
			(id, stream, source, type, subject, time, data, traceparent, tracestate, baggage, cause_id, published_at)
		SELECT '00000000-0001-7' || n, 'lamps', '/lamps', 'lamp.lit.v1', 'desk', n, '{}', '', '', '', '', 7 FROM numbers`, n+999)
	rest := &Replay{"00000000-0001", "00000000-0002"}
	var sizes []int
	for rest != nil && len(sizes) < 10 {
		size, next, err := o.Replay(t.Context(), *rest)
		if err != nil {
			t.Fatal(err)
		}
		sizes, rest = append(sizes, size), next
		o.exec(t, "UPDATE outbox SET published_at = 8 WHERE published_at = 0") // as the relay does meanwhile
	}
	var replayed int
	err := o.db.Read.Raw("SELECT COUNT(*) FROM outbox WHERE published_at = 8 AND replayed = 1").Scan(&replayed).Error
	if diff := cmp.Diff([]int{1000, 1000, 500}, sizes); diff != "" || err != nil || replayed != n {
		t.Errorf("replayed %d of %d in batches of %v, %v", replayed, n, sizes, err)
	}
}

func TestWhatIsNewGoesBeforeWhatIsReplayed(t *testing.T) {
	messagingtest.EachDatabase(t, func(t *testing.T, databaseURL string) {
		o := open(t, databaseURL)
		o.fill(t, batchRows)
		o.exec(t, "UPDATE outbox SET replayed = 1")
		id := o.leave(t, "desk", 1)
		if leased := o.mustLease(t); len(leased) != batchRows || leased[batchRows-1].ID != id {
			t.Errorf("leased %d rows, expected %d, with the new one", len(leased), batchRows)
		}
		if leased := o.mustLease(t); len(leased) != 1 || leased[0].Replayed != 1 {
			t.Errorf("leased %d rows then, expected the last that is replayed", len(leased))
		}
	})
}

func TestAReplayIsOfWhatWasCreatedInItsTime(t *testing.T) {
	messagingtest.EachDatabase(t, func(t *testing.T, databaseURL string) {
		o := open(t, databaseURL)
		now := time.Now()
		ids := map[time.Duration]string{}
		for _, age := range []time.Duration{time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour} {
			ids[age] = firstID(now.Add(-age)) + "-7000-8000-000000000000"
			o.exec(t, `INSERT INTO outbox
				(id, stream, source, type, subject, time, data, traceparent, tracestate, baggage, cause_id, published_at)
				VALUES (?, 'lamps', '/lamps', 'lamp.lit.v1', 'desk', 1, '{}', '', '', '', '', 7)`, ids[age])
		}
		replay, err := NewReplay(150*time.Minute, 30*time.Minute, false)
		if err != nil {
			t.Fatal(err)
		}
		if n, rest, err := o.Replay(t.Context(), replay); n != 2 || rest != nil || err != nil {
			t.Errorf("replayed %d, left %v, %v", n, rest, err)
		}
		if diff := cmp.Diff([]string{ids[2*time.Hour], ids[time.Hour]}, o.due(t)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhatInboxesMayHaveForgottenIsNotReplayed(t *testing.T) {
	messagingtest.EachDatabase(t, testWhatInboxesMayHaveForgottenIsNotReplayed)
}

func testWhatInboxesMayHaveForgottenIsNotReplayed(t *testing.T, databaseURL string) {
	for _, age := range []time.Duration{messaging.InboxRetention, messaging.InboxRetention + time.Second} {
		old := age > messaging.InboxRetention
		if _, err := NewReplay(age, 0, false); errors.Is(err, messaging.ErrTooOld) != old {
			t.Errorf("%s: %v", age, err)
		}
		if _, err := NewReplay(age, 0, true); err != nil {
			t.Errorf("%s, forced: %v", age, err)
		}
	}
	o := open(t, databaseURL)
	now := time.Now()
	parked := map[string]string{}
	for name, row := range map[string]struct {
		age      time.Duration
		replayed int
	}{
		"old, never published": {messaging.InboxRetention + time.Hour, 0},
		"old, published once":  {messaging.InboxRetention + time.Minute, 1},
		"young":                {messaging.InboxRetention - time.Minute, 1},
	} {
		parked[name] = firstID(now.Add(-row.age)) + "-7000-8000-000000000000"
		o.exec(t, `INSERT INTO outbox
			(id, stream, source, type, subject, time, data, traceparent, tracestate, baggage, cause_id, failures, replayed)
			VALUES (?, 'lamps', '/lamps', 'lamp.lit.v1', 'desk', 1, '{}', '', '', '', '', 5, ?)`, parked[name], row.replayed)
	}
	want := []string{parked["old, never published"], parked["young"]}
	if n, err := o.ReplayParked(t.Context(), false); n != 2 || err != nil {
		t.Errorf("replayed %d, %v", n, err)
	}
	if diff := cmp.Diff(want, o.due(t)); diff != "" {
		t.Error(diff)
	}
	if n, err := o.ReplayParked(t.Context(), true); n != 1 || err != nil {
		t.Errorf("replayed %d by force, %v", n, err)
	}
}

func TestManyParkedMessagesAreReplayed(t *testing.T) {
	messagingtest.EachDatabase(t, func(t *testing.T, databaseURL string) {
		o := open(t, databaseURL)
		o.exec(t, `WITH RECURSIVE numbers (n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM numbers WHERE n < 3499)
			INSERT INTO outbox
				(id, stream, source, type, subject, time, data, traceparent, tracestate, baggage, cause_id, failures)
			SELECT '0' || n, 'lamps', '/lamps', 'lamp.lit.v1', 'desk', n, '{}', '', '', '', '', 5 FROM numbers`)
		if n, err := o.ReplayParked(t.Context(), false); n != 2500 || err != nil || len(o.due(t)) != 2500 {
			t.Errorf("replayed %d, %d are due, %v", n, len(o.due(t)), err)
		}
	})
}

func TestIDsAreInTheOrderOfTheirTime(t *testing.T) {
	m, err := messaging.NewMessage(t.Context(), lit{"desk", "x"})
	if err != nil {
		t.Fatal(err)
	}
	if before, after := firstID(m.Time.Add(-time.Second)), firstID(m.Time.Add(time.Second)); before >= m.ID || m.ID >= after {
		t.Error(fmt.Sprint(before, m.ID, after))
	}
}
