package schedule_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/clew/loadtest/internal/schedule"
)

func TestSleepUntilIsNeverEarly(t *testing.T) {
	for range 20 {
		due := time.Now().Add(300 * time.Microsecond)
		if err := schedule.SleepUntil(t.Context(), due); err != nil {
			t.Fatal(err)
		}
		if early := time.Until(due); early > 0 {
			t.Fatalf("woke %v early", early)
		}
	}
}

func TestSleepUntilEndsWithItsContext(t *testing.T) {
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(time.Millisecond, func() { cancel(stop) })
	if err := schedule.SleepUntil(ctx, time.Now().Add(time.Hour)); !errors.Is(err, context.Canceled) {
		t.Errorf("asleep, it returned %v", err)
	}
	if err := schedule.SleepUntil(ctx, time.Now().Add(-time.Hour)); !errors.Is(err, context.Canceled) {
		t.Errorf("not having slept, it returned %v", err)
	}
}
