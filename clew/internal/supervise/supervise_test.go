package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/clew/clew/processtest"
	"example.com/clew/clew/state"
)

// child is this test binary, acting as one of the processes in main_test.go.
func child(act, dir string, args ...string) Child {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return Child{
		Name:  act,
		Args:  append([]string{self}, args...),
		Env:   append(os.Environ(), actVariable+"="+act, "GORACE=atexit_sleep_ms=0"), // race: do not take 1 s to end
		Log:   filepath.Join(dir, act+".log"),
		Ready: func(context.Context) error { return nil },
	}
}

// tied is a shell that runs a script and knows nothing of lifelines.
func tied(dir, script string) Child {
	c := child("tied", dir)
	c.Args = Tied("/bin/sh", "-c", script)
	return c
}

// supervisor is one whose news a test can look at.
type supervisor struct {
	*Supervisor
	mu   sync.Mutex
	now  []state.Process
	said []string
}

func newSupervisor(t *testing.T) *supervisor {
	t.Helper()
	s := &supervisor{}
	var err error
	s.Supervisor, err = New(Options{
		Changed: func(now []state.Process) { s.mu.Lock(); defer s.mu.Unlock(); s.now = now },
		Say:     func(line string) { s.mu.Lock(); defer s.mu.Unlock(); s.said = append(s.said, line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *supervisor) start(t *testing.T, c Child) *Running {
	t.Helper()
	r := s.Start(c)
	t.Cleanup(r.Stop)
	return r
}

// process waits until the only child satisfies the condition.
func (s *supervisor) process(t *testing.T, what string, condition func(state.Process) bool) state.Process {
	t.Helper()
	var p state.Process
	processtest.Eventually(t, what, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.now) == 0 {
			return errors.New("there is no process")
		}
		p = s.now[0]
		return processtest.Unless(condition(p), "it is %+v", p)
	})
	return p
}

func isRunning(p state.Process) bool { return p.State == state.Running }

// logged waits for the pid that the process in a log has printed.
func logged(t *testing.T, c Child) int {
	t.Helper()
	var pid int
	processtest.Eventually(t, c.Name+" prints a pid", func() error {
		text, _ := os.ReadFile(c.Log)
		n, _ := fmt.Sscanf(string(text), "child %d\n", &pid)
		return processtest.Unless(n == 1, "it prints %q", text)
	})
	return pid
}

func TestAKilledChildIsStartedAgain(t *testing.T) {
	s := newSupervisor(t)
	s.start(t, child("child", t.TempDir()))
	first := s.process(t, "the child runs", isRunning)

	if err := syscall.Kill(*first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second := s.process(t, "the child runs again", func(p state.Process) bool { return isRunning(p) && p.Restarts == 1 })
	if *second.PID == *first.PID {
		t.Errorf("the pid is %d still", *first.PID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if want := "child exited (signal: killed), restarting in 0.1s"; len(s.said) != 1 || s.said[0] != want {
		t.Errorf("said %q, want %q", s.said, want)
	}
}

func TestStopAsksFirst(t *testing.T) {
	s := newSupervisor(t)
	c := child("child", t.TempDir())
	r := s.start(t, c)
	pid := logged(t, c)

	r.Stop()
	p := s.process(t, "it is stopped", func(p state.Process) bool { return p.State == state.Stopped })
	if p.PID != nil || p.Restarts != 0 {
		t.Errorf("after the stop: %+v, want no pid and no restart", p)
	}
	if processtest.Alive(pid) {
		t.Error("Stop returned before the child was gone")
	}
	if text, _ := os.ReadFile(c.Log); !strings.Contains(string(text), "asked to stop") {
		t.Errorf("the child did not see SIGTERM, it wrote: %s", text)
	}
}

func TestStopKillsAChildThatWillNotEnd(t *testing.T) {
	s := newSupervisor(t)
	s.stopDeadline = 50 * time.Millisecond
	c := child("stubborn", t.TempDir())
	r := s.start(t, c)
	pid := logged(t, c)
	r.Stop()
	if processtest.Alive(pid) {
		t.Error("the child is alive")
	}
}

func TestStopWhileAChildWaitsToBeStartedAgain(t *testing.T) {
	s := newSupervisor(t)
	r := s.start(t, child("misconfigured", t.TempDir()))
	s.process(t, "it pauses", func(p state.Process) bool { return p.State == state.Restarting })
	r.Stop()
	s.process(t, "it is stopped", func(p state.Process) bool { return p.State == state.Stopped })
}

func TestWhatAChildStartedDiesWithIt(t *testing.T) {
	s := newSupervisor(t)
	c := child("parent", t.TempDir())
	s.start(t, c)
	grandchild := logged(t, c)
	p := s.process(t, "the child runs", isRunning)
	if err := syscall.Kill(*p.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	processtest.Gone(t, grandchild)
}

func TestChildrenDieWithAKilledSupervisor(t *testing.T) {
	dir := t.TempDir()
	c := child("supervisor", dir, dir)
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.Env = c.Env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	service, program := logged(t, child("child", dir)), logged(t, tied(dir, ""))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	processtest.Gone(t, service, program)
}

// Where the kernel does not kill orphans, the lifeline alone must do.
func TestTheEndOfTheLifelineEndsAChildAndWhatItStarted(t *testing.T) {
	lifeline, err := newPipe()
	if err != nil {
		t.Fatal(err)
	}
	c := child("parent", t.TempDir())
	log, err := os.Create(c.Log)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(c.Args[0])
	cmd.Env = append(c.Env, lifelineVariable+"=3")
	cmd.ExtraFiles = []*os.File{lifeline.read}
	cmd.Stdout = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	grandchild := logged(t, c)
	if err := errors.Join(lifeline.close(), log.Close()); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	processtest.Gone(t, grandchild)
}

// On Linux a child dies with the thread that started it, and Go ends the
// thread of a goroutine that ends while it is locked to it.
func TestChildrenOutliveTheThreadsOfOtherGoroutines(t *testing.T) {
	s := newSupervisor(t)
	c := child("child", t.TempDir())
	var started []*exec.Cmd
	for range 10 {
		cmd, err := s.spawn(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		started = append(started, cmd)
		var locked, ended sync.WaitGroup
		locked.Add(20)
		for range 20 {
			ended.Go(func() {
				runtime.LockOSThread()
				locked.Done()
				locked.Wait() // so that they take every thread there is
			})
		}
		ended.Wait()
	}
	for _, cmd := range started {
		if !processtest.Alive(cmd.Process.Pid) {
			t.Errorf("the child %d died", cmd.Process.Pid)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

func TestATiedProgramIsItsOwnProcess(t *testing.T) {
	s := newSupervisor(t)
	c := tied(t.TempDir(), "trap 'echo asked to stop; exit 7' TERM; echo child $$; while :; do sleep 0.01; done")
	r := s.start(t, c)
	pid := logged(t, c)
	if p := s.process(t, "the program runs", isRunning); *p.PID != pid {
		t.Errorf("the supervisor knows it as %d, it is %d", *p.PID, pid)
	}
	r.Stop()
	if text, _ := os.ReadFile(c.Log); !strings.Contains(string(text), "asked to stop") {
		t.Errorf("the program did not see SIGTERM, it wrote: %s", text)
	}
}

// Where the kernel does not kill orphans, the lifeline alone must do.
func TestTheEndOfTheLifelineEndsATiedProgram(t *testing.T) {
	lifeline, err := newPipe()
	if err != nil {
		t.Fatal(err)
	}
	args := Tied("sleep", "3600")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.ExtraFiles = []*os.File{lifeline.read}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := lifeline.close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); !crashed(err) {
		t.Errorf("the program ended with %v, want a signal", err)
	}
}

func TestWaitReady(t *testing.T) {
	soon := func(context.Context) error { return nil }
	never := func(context.Context) error { return errors.New("503 the database is locked") }
	for _, test := range []struct {
		name, act string
		ready     func(context.Context) error
		limit     time.Duration
		want      []string // parts of the error; none for success
	}{
		{"it is ready", "child", soon, time.Minute, nil},
		{"it never is", "child", never, 300 * time.Millisecond, []string{"not ready within 300ms", "503 the database is locked"}},
		{"it keeps exiting", "misconfigured", never, time.Minute, []string{"ended 3 times", "exit status 1", "DATABASE_URL is missing"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := child(test.act, t.TempDir())
			c.Ready = test.ready
			err := newSupervisor(t).start(t, c).WaitReady(t.Context(), test.limit)
			if (err == nil) != (test.want == nil) {
				t.Fatalf("WaitReady: %v", err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("WaitReady: %v\nwant in it: %s", err, part)
				}
			}
		})
	}
}

func TestWaitReadyEndsWithItsContext(t *testing.T) {
	c := child("child", t.TempDir())
	c.Ready = func(context.Context) error { return errors.New("not yet") }
	r := newSupervisor(t).start(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.WaitReady(ctx, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("WaitReady: %v, want context.Canceled", err)
	}
}

func TestBackoff(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	for _, test := range []struct{ last, alive, want time.Duration }{
		{0, 0, 100 * ms},
		{100 * ms, 0, 200 * ms},
		{800 * ms, 9 * s, 1600 * ms},
		{1600 * ms, 0, 2 * s},
		{2 * s, 0, 2 * s},
		{2 * s, 10 * s, 100 * ms},
	} {
		if got := backoff(test.last, test.alive); got != test.want {
			t.Errorf("backoff(%s, alive %s) = %s, want %s", test.last, test.alive, got, test.want)
		}
	}
}
