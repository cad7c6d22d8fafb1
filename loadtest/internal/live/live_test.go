package live

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/loadtest/internal/result"
)

func snapshot() Snapshot {
	s := Snapshot{
		Scenario: "steady", Target: "http", Elapsed: 6*time.Second + 300*time.Millisecond, Offering: 20 * time.Second,
		Thresholds: []result.Threshold{
			{Text: "e2e_p99<500ms", Value: new(float64), Holds: true}, {Text: "http_p99<100ms", Value: new(float64)},
			{Text: "lag_seconds_max<5s", Value: new(float64), Holds: true}, {Text: "drain_seconds<30s"},
			{Text: "lost==0", Value: new(float64), Holds: true},
		},
	}
	for i := range 7 {
		s.Seconds = append(s.Seconds, result.Second{
			Offset: i, WarmUp: i < 2, Scheduled: 100, OK: 100 - 10*i, Finished: 90 - 10*i, InFlight: 20 * i, DeadLetters: i,
			HTTP: result.Band{P99: 0.0123 * float64(i)}, EndToEnd: result.Band{P50: 0.0456, P99: 0.1 * float64(i)}, LagSeconds: float64(i),
		})
	}
	return s
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestAFrame(t *testing.T) {
	frame := Frame(snapshot())
	if !strings.Contains(frame, red("✗ http_p99<100ms")) {
		t.Errorf("the threshold that does not hold is not red:\n%q", frame)
	}
	want := `steady → http                                                     load, 14s left
━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
offered          100/s  ██████
achieved          50/s  █▇▇▆▅▅
finished          40/s  █▇▆▆▅▄
in flight          100  ▁▂▄▅▇█
http p99        61.5ms  ▁▂▄▅▇█
e2e p50         45.6ms  ██████
e2e p99          500ms  ▁▂▄▅▇█
lag                 5s  ▁▂▄▅▇█
dead letters         5  ▁▂▄▅▇█
✓ e2e_p99<500ms  ✗ http_p99<100ms  ✓ lag_seconds_max<5s  · drain_seconds<30s
✓ lost==0
`
	if diff := cmp.Diff(want, colours.ReplaceAllString(frame, "")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNothingIsWiderThanATerminal(t *testing.T) {
	s := snapshot()
	for range 200 {
		s.Seconds = append(s.Seconds, s.Seconds[6])
	}
	for _, s := range []Snapshot{s, {}, {Offering: time.Second, Elapsed: time.Hour, Seconds: s.Seconds}} {
		for line := range strings.Lines(colours.ReplaceAllString(Frame(s)+Line(s), "")) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
}

func TestInAPipeALineEveryFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		ctx, cancel := context.WithTimeout(t.Context(), 16*time.Second)
		defer cancel()
		Show(ctx, &out, false, snapshot)
		want := strings.Repeat("load    offered   100/s ok    50/s  p99 http 61.5ms e2e 500ms   lag 5s     dlq 5\n", 3)
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// On a terminal each frame takes the place of the one before, and the last one goes.
func TestOnATerminalThePictureStaysInItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		Show(ctx, &out, true, snapshot)
		frame, back := Frame(snapshot()), "\x1b[13A\x1b[J"
		if diff := cmp.Diff(frame+back+frame+back, out.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
