package service

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/telemetry/telemetrytest"
	"example.com/clew/services/messaging"
)

func TestHousekeepingForgetsWhatIsPastItsRetention(t *testing.T) {
	db, out := openOutbox(t) // "1" is older than the retention, but never was published
	now := time.Now()
	for _, change := range []struct {
		statement string
		at        time.Time
	}{
		{"UPDATE outbox SET published_at = ? WHERE subject = '2'", now.Add(-publishedRetention - time.Minute)},
		{"UPDATE outbox SET published_at = ? WHERE subject = '3'", now.Add(-publishedRetention + time.Minute)},
		{"INSERT INTO inbox VALUES ('lamps', 'past', ?)", now.Add(-messaging.InboxRetention - time.Minute)},
		{"INSERT INTO inbox VALUES ('lamps', 'kept', ?)", now.Add(-publishedRetention - time.Minute)},
	} {
		if err := db.Write.Exec(change.statement, change.at.UnixMicro()).Error; err != nil {
			t.Fatal(err)
		}
	}
	p := New(Config{}, telemetrytest.NewRecorder().Telemetry(t, "lamps"))
	ctx, stop := context.WithCancel(t.Context())
	p.Housekeeping(out, func(context.Context) error { stop(); return nil }) // after the outbox
	if err := p.loops[len(p.loops)-1].run(ctx); err != nil {
		t.Fatal(err)
	}
	var kept []string
	err := db.Read.Raw("SELECT subject FROM outbox UNION ALL SELECT event_id FROM inbox ORDER BY 1").Scan(&kept).Error
	if diff := cmp.Diff([]string{"1", "3", "kept"}, kept); diff != "" || err != nil {
		t.Errorf("kept: %v (-want +got):\n%s", err, diff)
	}
}

func TestHousekeepingGoesOnEveryHourWhateverFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 150*time.Minute)
		defer stop()
		var log strings.Builder
		ran := 0
		err := every(ctx, slog.New(slog.NewTextHandler(&log, nil)), "housekeeping", housekeepingPause,
			all([]func(context.Context) error{
				func(context.Context) error { return errors.New("database is locked") },
				func(context.Context) error { ran++; return nil },
			}))
		if err != nil || ran != 3 || strings.Count(log.String(), "database is locked") != 3 {
			t.Errorf("ran %d times, error %v; want 3 in two and a half hours; log:\n%s", ran, err, &log)
		}
	})
}
