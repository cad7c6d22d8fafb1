package load_test

import (
	"strings"
	"syscall"
	"testing"

	"example.com/clew/clew/processtest"
)

func TestInterrupts(t *testing.T) {
	t.Parallel()
	clew := binaries.Start(t)

	t.Run("once", func(t *testing.T) {
		l := load(t, clew, patient("--scenario=smoke", "--duration=20s")...)
		l.accepted(60) // 40 are due in the warm-up
		l.signal(syscall.SIGINT)
		r := l.wants(0, "interrupted after")
		r.allConfirmed(t, 60)
		if !strings.HasPrefix(r.Reason, "interrupted after ") || r.Totals.Accepted < 60 || r.Totals.Scheduled >= 360 {
			t.Errorf("%s: %+v, want no more offered", r.Reason, r.Totals)
		}
	})
	// While inventory stands still, no drain would end.
	t.Run("twice", func(t *testing.T) {
		inventory := *clew.Process("inventory-1").PID
		l := load(t, clew, patient("--scenario=smoke", "--duration=20s", "--drain=10m")...)
		l.accepted(60)
		if err := syscall.Kill(inventory, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Kill(inventory, syscall.SIGCONT) }()
		l.accepted(80)
		l.signal(syscall.SIGTERM)
		processtest.Eventually(t, "it waits", func() error {
			printed := l.printed()
			return processtest.Unless(strings.Contains(printed, "no more load"), "it prints\n%s", printed)
		})
		l.signal(syscall.SIGINT)
		r := l.wants(1, "interrupted after", "FAILED  unfinished==0", "never drained")
		if r.Totals.Unfinished == 0 || r.Totals.Lost > 0 || r.Totals.Confirmed+r.Totals.Unfinished != r.Totals.Accepted || r.Totals.Drain >= 0 {
			t.Errorf("%+v, want those that wait unfinished, and none lost", r.Totals)
		}
	})
}
