package service

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/telemetry/telemetrytest"
)

func newService(t *testing.T) *Service {
	p := New(Config{Partitions: 1}, telemetrytest.NewRecorder().Telemetry(t, "lamps"))
	if err := errors.Join(p.ServeAdmin("127.0.0.1:0", "ADMIN_ADDR", nil), p.ServeAPI("127.0.0.1:0", "LAMPS_ADDR", nil)); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestALoopThatEndsByItselfEndsTheProcess(t *testing.T) {
	p := newService(t)
	p.add("kettle", func(context.Context) error { return errors.New("boiled dry") })
	if err := p.Run(t.Context()); err == nil || err.Error() != "kettle ended: boiled dry" {
		t.Errorf("Run: %v, want the reason why the loop ended", err)
	}
	if p.ended.Err() == nil {
		t.Error("it looks alive")
	}
}

func TestLoopsStopInTheReverseOfTheirStart(t *testing.T) {
	p := newService(t)
	stopped := make(chan string, 3)
	for _, name := range []string{"first", "second", "third"} {
		p.add(name, func(ctx context.Context) error {
			<-ctx.Done()
			stopped <- name
			return nil
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	close(stopped)
	got := slices.Collect(func(yield func(string) bool) {
		for name := range stopped {
			if !yield(name) {
				return
			}
		}
	})
	if diff := cmp.Diff([]string{"third", "second", "first"}, got); diff != "" {
		t.Error(diff)
	}
}
