package run

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/clew/loadtest/internal/result"
)

// A run whose target dies ends by itself, and has what was measured until then.
func TestATargetThatGoesAway(t *testing.T) {
	for name, test := range map[string]struct {
		kill func(*fake)
		want string
	}{
		"the order API": {func(f *fake) { _ = f.server.Listener.Close(); f.server.CloseClientConnections() }, "the order API is away: dial tcp"},
		"Redis":         {func(f *fake) { f.redis.Kill() }, "dial tcp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			var dead atomic.Bool
			f.answer = func(n int64, _ string) int {
				if n == 100 { // of which 60 are due in the warm-up
					dead.Store(true)
					go test.kill(f)
				}
				return http.StatusCreated
			}
			usual := f.events
			f.events = func(id string) [][3]string {
				if dead.Load() {
					return nil
				}
				return usual(id)
			}
			r, err := f.do(t.Context(), 20, 30*time.Second)
			if err == nil || !strings.HasPrefix(err.Error(), "the target went away after ") || !strings.Contains(err.Error(), test.want) ||
				strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want that it went away, and %q, in a line", err, test.want)
			}
			if r.Verdict != result.NotJudged || err != nil && r.Reason != err.Error() {
				t.Errorf("%s: %s", r.Verdict, r.Reason)
			}
			if r.Totals.Confirmed != 100 || r.Totals.Scheduled >= 540 || r.Totals.Drain >= 0 || r.Totals.Lost > 0 {
				t.Errorf("%+v, want what was measured, no more offered, and nobody's loss", r.Totals)
			}
			if r.Totals.Accepted != r.Totals.Confirmed+r.Totals.Unfinished {
				t.Errorf("%+v, want the rest unfinished", r.Totals)
			}
		})
	}
}

// What was sent when an interrupt came is answered, and counts as ever.
func TestAnInterruptLosesNoAnswer(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	f.answer = func(n int64, _ string) int {
		if n == 50 {
			interrupt()
			time.Sleep(100 * time.Millisecond) // takes longer than the interrupt
		}
		return http.StatusCreated
	}
	r, err := f.do(ctx, 20, 10*time.Second)
	if err != nil || r.Verdict == result.Failed || !strings.HasPrefix(r.Reason, "interrupted after ") || len(r.Totals.Errors) > 0 ||
		r.Totals.Accepted < 51 || r.Totals.Confirmed != r.Totals.Accepted {
		t.Errorf("%v, %s: %s, %+v", err, r.Verdict, r.Reason, r.Totals)
	}
}
