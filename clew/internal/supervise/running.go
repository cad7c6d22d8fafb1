package supervise

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"example.com/clew/clew/internal/logs"
	"example.com/clew/clew/state"
)

// hopeless is how often a child that was never ready may exit by itself
// before WaitReady gives up. A wrong configuration ends that way; a crash ends
// with a signal, and a crash is what restarts are for.
const hopeless = 3

// Running is a child that was started.
type Running struct {
	supervisor *Supervisor
	child      Child
	cancel     context.CancelFunc
	ready      chan struct{} // closed when it is ready for the first time
	failed     chan struct{} // closed when it is hopeless
	gone       chan struct{} // closed when it is stopped for good

	firstReady sync.Once

	mu      sync.Mutex
	unready error       // why it is not ready: the last answer, or how it ended
	process *os.Process // the one that lives, or nil
}

// Name is the child's name.
func (r *Running) Name() string { return r.child.Name }

// WaitReady blocks until the child is ready for the first time. If that takes
// longer than the limit, or if the child keeps exiting by itself, it returns
// an error with the end of the child's log.
func (r *Running) WaitReady(ctx context.Context, limit time.Duration) error {
	late := time.NewTimer(limit)
	defer late.Stop()
	var reason string
	select {
	case <-r.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.failed:
		reason = fmt.Sprintf("%s ended %d times before it was ready", r.child.Name, hopeless)
	case <-late.C:
		reason = fmt.Sprintf("%s was not ready within %s", r.child.Name, limit)
	}
	end, err := (&logs.Reader{Path: r.child.Log}).Last(10)
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(fmt.Errorf("%s: %w\nthe end of %s:\n%s", reason, r.unready, r.child.Log, bytes.TrimSpace(end)), err)
}

// Stop ends the child, also a paused one, with SIGTERM and, after 25 s,
// SIGKILL, and blocks until it is gone.
func (r *Running) Stop() {
	r.cancel()
	<-r.gone
}

// run starts the child again and again until ctx ends.
func (r *Running) run(ctx context.Context) {
	defer close(r.gone)
	defer r.is(state.Stopped, nil)
	var pause time.Duration
	for exits := 0; ; {
		started := time.Now()
		err := r.once(ctx)
		if ctx.Err() != nil {
			return
		}
		pause = backoff(pause, time.Since(started))
		r.supervisor.options.Say(fmt.Sprintf("%s exited (%s), restarting in %gs", r.child.Name, outcome(err), pause.Seconds()))
		r.supervisor.update(r.child.Name, func(p *state.Process) {
			p.State, p.PID, p.Restarts = state.Restarting, nil, p.Restarts+1
		})
		r.setUnready(errors.New(outcome(err)))
		if !crashed(err) {
			if exits++; exits == hopeless {
				close(r.failed)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// once starts the child and blocks until that process is gone.
func (r *Running) once(ctx context.Context) error {
	log, err := logs.Open(r.child.Log)
	if err != nil {
		return err
	}
	cmd, err := r.supervisor.spawn(r.child, log)
	if err := errors.Join(err, log.Close()); err != nil {
		return err
	}
	r.setProcess(cmd.Process)
	defer r.setProcess(nil)
	r.is(state.Starting, &cmd.Process.Pid)

	probing, stopProbing := context.WithCancel(ctx)
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	probed := make(chan struct{})
	go func() {
		defer close(probed)
		r.probe(probing, cmd.Process.Pid)
	}()

	select {
	case err = <-exited:
	case <-ctx.Done():
		err = r.end(cmd, exited)
	}
	stopProbing()
	<-probed
	// Whatever it had started goes with it, such as the shell that watches a
	// Tied program's lifeline.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	return err
}

// probe asks the child whether it is ready until it is.
func (r *Running) probe(ctx context.Context, pid int) {
	for {
		asking, cancel := context.WithTimeout(ctx, time.Second)
		err := r.child.Ready(asking)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			r.is(state.Running, &pid)
			r.firstReady.Do(func() { close(r.ready) })
			return
		}
		r.setUnready(err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// end asks the process to stop and insists after the deadline.
func (r *Running) end(cmd *exec.Cmd, exited <-chan error) error {
	r.mu.Lock()
	r.is(state.Stopping, &cmd.Process.Pid) // from now on nobody pauses it
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Process.Signal(syscall.SIGCONT) // else one that is paused, by whomever, would not hear of it
	r.mu.Unlock()
	select {
	case err := <-exited:
		return err
	case <-time.After(r.supervisor.stopDeadline):
		r.supervisor.options.Say(fmt.Sprintf("%s did not stop within %s: killing it", r.child.Name, r.supervisor.stopDeadline))
		_ = cmd.Process.Kill()
		return <-exited
	}
}

func (r *Running) is(what string, pid *int) {
	r.supervisor.update(r.child.Name, func(p *state.Process) { p.State, p.PID = what, pid })
}

func (r *Running) setUnready(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unready = why
}

// crashed is true for a process that a signal ended.
func crashed(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && !exit.Exited()
}

// outcome says in a few words how a process ended.
func outcome(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}
