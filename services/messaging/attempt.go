package messaging

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// An attempt is the context of a handler: it ends with the handler, or at its deadline. Its timer starts when somebody first asks
// for the end: many handlers never do, and it would cost more than they do.
type attempt struct {
	context.Context // the parent
	deadline        time.Time

	mu      sync.Mutex
	over    bool
	started atomic.Pointer[startedAttempt]
}

type startedAttempt struct {
	context.Context
	cancel context.CancelFunc
}

func newAttempt(parent context.Context, timeout time.Duration) *attempt {
	return &attempt{Context: parent, deadline: time.Now().Add(timeout)}
}

// end ends the context, and what was derived from it.
func (a *attempt) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	if s := a.started.Load(); s != nil {
		s.cancel()
	}
}

func (a *attempt) start() context.Context {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.started.Load()
	if s == nil {
		s = &startedAttempt{}
		s.Context, s.cancel = context.WithDeadline(a.Context, a.deadline)
		a.started.Store(s)
		if a.over {
			s.cancel()
		}
	}
	return s.Context
}

// Deadline implements context.Context.
func (a *attempt) Deadline() (time.Time, bool) { return a.deadline, true }

// Done implements context.Context.
func (a *attempt) Done() <-chan struct{} { return a.start().Done() }

// Err implements context.Context.
func (a *attempt) Err() error { return a.start().Err() }

// Value implements context.Context. Package context itself asks for the context that it made, after Done.
func (a *attempt) Value(key any) any {
	if s := a.started.Load(); s != nil {
		return s.Value(key)
	}
	return a.Context.Value(key)
}
