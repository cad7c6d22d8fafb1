package telemetry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestShutdownRunsEveryStepLastInFirstOut(t *testing.T) {
	var ran []string
	var log bytes.Buffer
	busy := errors.New("busy")
	stop := NewShutdown(slog.New(slog.NewTextHandler(&log, nil)))
	step := func(name string, err error) {
		stop.Push(name, func(context.Context) error {
			ran = append(ran, name)
			return err
		})
	}
	step("telemetry", nil)
	step("database", busy)
	step("http", context.DeadlineExceeded)

	err := stop.Run(t.Context())
	if diff := cmp.Diff([]string{"http", "database", "telemetry"}, ran); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if !errors.Is(err, busy) || !errors.Is(err, context.DeadlineExceeded) ||
		err.Error() != "stop http: context deadline exceeded\nstop database: busy" {
		t.Errorf("error: %v", err)
	}
	if !strings.Contains(log.String(), "step=http") || !strings.Contains(log.String(), "step=database error=busy") ||
		strings.Contains(log.String(), "step=telemetry") {
		t.Errorf("log:\n%s", log.String())
	}

	if err := stop.Run(t.Context()); err != nil || len(ran) != 3 {
		t.Errorf("a second run: %v, ran %v", err, ran)
	}
}

func TestShutdownGivesEveryStepTheOneDeadline(t *testing.T) {
	stop := NewShutdown(slog.New(slog.DiscardHandler))
	var left []error
	for range 2 {
		stop.Push("step", func(ctx context.Context) error {
			<-ctx.Done()
			left = append(left, ctx.Err())
			return nil
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if err := stop.Run(ctx); err != nil || len(left) != 2 {
		t.Errorf("%v, %d steps ran, want 2", err, len(left))
	}
}
