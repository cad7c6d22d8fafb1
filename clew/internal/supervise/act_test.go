package supervise

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"example.com/clew/clew/processtest"
	"example.com/clew/clew/state"
)

// stands waits until the system says that a process is stopped, or that it is not.
func stands(t *testing.T, pid int, want bool) {
	t.Helper()
	path := "/proc/" + strconv.Itoa(pid) + "/stat"
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("SKIPPED: without /proc nobody says whether a process is stopped")
	}
	processtest.Eventually(t, "the process is stopped: "+strconv.FormatBool(want), func() error {
		stat, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		return processtest.Unless((string(fields[0]) == "T") == want, "it is %s", fields[0])
	})
}

func is(what string) func(state.Process) bool {
	return func(p state.Process) bool { return p.State == what }
}

func TestAPausedChildDoesNothingUntilItIsContinued(t *testing.T) {
	s := newSupervisor(t)
	r := s.start(t, child("child", t.TempDir()))
	before := s.process(t, "the child runs", isRunning)
	if err := r.Pause(); err != nil {
		t.Fatal(err)
	}
	paused := s.process(t, "it is paused", is(state.Paused))
	if *paused.PID != *before.PID || !paused.Since.After(before.Since) {
		t.Errorf("it was %+v and is %+v, want the same process, paused since", before, paused)
	}
	stands(t, *paused.PID, true)
	if err := r.Continue(); err != nil {
		t.Fatal(err)
	}
	stands(t, *paused.PID, false)
	if after := s.process(t, "it runs", isRunning); after.Restarts != 0 || *after.PID != *before.PID {
		t.Errorf("after the pause it is %+v", after)
	}
}

func TestStopEndsAPausedChildAsAnyOther(t *testing.T) {
	for name, pause := range map[string]func(*Running, int) error{
		"by the supervisor": func(r *Running, _ int) error { return r.Pause() },
		"by somebody else":  func(_ *Running, pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSupervisor(t)
			c := child("child", t.TempDir())
			r := s.start(t, c)
			pid := logged(t, c)
			s.process(t, "the child runs", isRunning)
			if err := pause(r, pid); err != nil {
				t.Fatal(err)
			}
			r.Stop()
			if processtest.Alive(pid) {
				t.Error("Stop returned before the child was gone")
			}
			if text, _ := os.ReadFile(c.Log); !strings.Contains(string(text), "asked to stop") {
				t.Errorf("the child did not see SIGTERM, it wrote: %s", text)
			}
		})
	}
}

func TestKillIsACrash(t *testing.T) {
	s := newSupervisor(t)
	r := s.start(t, child("child", t.TempDir()))
	s.process(t, "the child runs", isRunning)
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	s.process(t, "it runs again", func(p state.Process) bool { return isRunning(p) && p.Restarts == 1 })
	if err := r.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	s.process(t, "one that was paused runs again", func(p state.Process) bool { return isRunning(p) && p.Restarts == 2 })
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	s := newSupervisor(t)
	r := s.start(t, child("child", t.TempDir()))
	s.process(t, "the child runs", isRunning)
	refused := func(act func() error, says string) {
		t.Helper()
		if err := act(); err == nil || err.Error() != says {
			t.Errorf("%v, want %q", err, says)
		}
	}
	refused(r.Continue, "child is running, expected paused")
	if err := r.Pause(); err != nil {
		t.Fatal(err)
	}
	refused(r.Pause, "child is paused, expected running")
	r.Stop()
	refused(r.Pause, "child is stopped, expected running")
	refused(r.Continue, "child is stopped, expected paused")
	refused(r.Kill, "child is stopped, expected one that lives")
}

func TestNobodyKnowsOfAChildThatWasRemoved(t *testing.T) {
	s := newSupervisor(t)
	dir := t.TempDir()
	c, other := child("child", dir), child("child", dir)
	other.Name = "other"
	r := s.start(t, c)
	s.start(t, other)
	first := s.process(t, "the child runs", isRunning)
	r.Remove()
	if processtest.Alive(*first.PID) {
		t.Error("Remove returned before the child was gone")
	}
	if left := s.Processes(); len(left) != 1 || left[0].Name != "other" {
		t.Errorf("%+v, want the other only", left)
	}
	s.process(t, "the others were told", func(p state.Process) bool { return p.Name == "other" && isRunning(p) })
}
