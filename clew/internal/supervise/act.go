package supervise

import (
	"fmt"
	"os"
	"slices"
	"syscall"

	"example.com/clew/clew/state"
)

// Pause stops a running child's process as SIGSTOP does: it keeps all that it has, and does nothing, until Continue, Kill or
// Stop.
func (r *Running) Pause() error { return r.turn(syscall.SIGSTOP, state.Running, state.Paused) }

// Continue lets a paused child go on.
func (r *Running) Continue() error { return r.turn(syscall.SIGCONT, state.Paused, state.Running) }

// turn signals the process, and notes what becomes of it. An error says what it is instead of from.
func (r *Running) turn(signal os.Signal, from, to string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if is := r.supervisor.stateOf(r.child.Name); is != from || r.process == nil {
		return fmt.Errorf("%s is %s, expected %s", r.child.Name, is, from)
	}
	if err := r.process.Signal(signal); err != nil {
		return fmt.Errorf("signal %s: %w", r.child.Name, err)
	}
	r.is(to, &r.process.Pid)
	return nil
}

// Kill ends the child's process as a crash does. It is started again.
func (r *Running) Kill() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process == nil {
		return fmt.Errorf("%s is %s, expected one that lives", r.child.Name, r.supervisor.stateOf(r.child.Name))
	}
	if err := r.process.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", r.child.Name, err)
	}
	return nil
}

// Remove is Stop, and then forgets that there was such a child.
func (r *Running) Remove() {
	r.Stop()
	s := r.supervisor
	s.mu.Lock()
	defer s.mu.Unlock()
	s.processes = slices.DeleteFunc(s.processes, func(p state.Process) bool { return p.Name == r.child.Name })
	s.options.Changed(slices.Clone(s.processes))
}

// setProcess is the process that lives now, or nil.
func (r *Running) setProcess(p *os.Process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process = p
}

func (s *Supervisor) stateOf(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.processes, func(p state.Process) bool { return p.Name == name })
	if i < 0 {
		return state.Stopped
	}
	return s.processes[i].State
}
