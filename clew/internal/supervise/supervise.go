// Package supervise runs child processes and starts them again when they die.
//
// Every child is gone when the supervisor is gone, also when that is killed:
// on Linux the kernel kills it (spawn_linux.go), and everywhere a child that
// calls Lifeline sees the end of a pipe (lifeline.go). A program that cannot
// call Lifeline, such as redis-server, is Tied to it (lifeline.go).
//
// Every child leads a process group of its own. So a ctrl-C in the terminal
// reaches the supervisor alone, which stops the children in order; and what a
// child started dies with it.
//
// Whoever teaches may pause, kill and remove children: act.go.
package supervise

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"example.com/clew/clew/state"
)

// Child is a process to run.
type Child struct {
	Name  string
	Args  []string // the program's path and its arguments
	Env   []string // the whole environment, as os.Environ returns it
	Dir   string   // the working directory; empty for the supervisor's
	Log   string   // the file to which its output is appended
	Admin string   // base URL of its admin server, shown in its state

	// Ready returns nil once the child can do its work. It is asked every
	// 50 ms from each start until then, for at most a second at a time.
	Ready func(context.Context) error
}

// Options are what a supervisor tells the outside.
type Options struct {
	Changed func([]state.Process) // called in turn at every change of a state
	Say     func(string)          // called with a line for the user
}

// Supervisor starts children and keeps them running.
type Supervisor struct {
	options      Options
	stopDeadline time.Duration
	starts       chan start
	spawned      chan struct{} // closed when the spawner has ended
	lifeline     pipe

	mu        sync.Mutex
	processes []state.Process
}

// New returns a supervisor without children. Close it.
func New(options Options) (*Supervisor, error) {
	lifeline, err := newPipe()
	if err != nil {
		return nil, fmt.Errorf("make the lifeline: %w", err)
	}
	s := &Supervisor{
		options: options,
		// More than the services' own deadline of 20 s.
		stopDeadline: 25 * time.Second,
		starts:       make(chan start),
		spawned:      make(chan struct{}),
		lifeline:     lifeline,
	}
	go s.spawner()
	return s, nil
}

// Close ends the supervisor. Stop every child first.
func (s *Supervisor) Close() error {
	close(s.starts)
	<-s.spawned
	return s.lifeline.close()
}

// Start starts a child, and starts it again whenever it ends, until Stop. It
// does not wait: see WaitReady.
func (s *Supervisor) Start(c Child) *Running {
	s.mu.Lock()
	s.processes = append(s.processes, state.Process{Name: c.Name, State: state.Starting, Since: time.Now(), Admin: c.Admin})
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	r := &Running{
		supervisor: s,
		child:      c,
		cancel:     cancel,
		ready:      make(chan struct{}),
		failed:     make(chan struct{}),
		gone:       make(chan struct{}),
	}
	go r.run(ctx)
	return r
}

// Processes are the children in the order of their start.
func (s *Supervisor) Processes() []state.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.processes)
}

// update changes the state of one child and tells everyone.
func (s *Supervisor) update(name string, change func(*state.Process)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.processes, func(p state.Process) bool { return p.Name == name })
	before := s.processes[i].State
	change(&s.processes[i])
	if s.processes[i].State != before {
		s.processes[i].Since = time.Now()
	}
	s.options.Changed(slices.Clone(s.processes))
}

// backoff is the pause before a child is started again: 0.1 s doubling to
// 2 s, and 0.1 s again after 10 s alive.
func backoff(last, alive time.Duration) time.Duration {
	const first, most, healthy = 100 * time.Millisecond, 2 * time.Second, 10 * time.Second
	if last == 0 || alive >= healthy {
		return first
	}
	return min(2*last, most)
}
