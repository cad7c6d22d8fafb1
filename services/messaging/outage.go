package messaging

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const probeFirst, probeMost = 200 * time.Millisecond, 2 * time.Second // between two attempts during an outage

// An outage begins when a handler returns Unavailable. While it lasts, nothing is fetched or claimed, and messages are tried
// one at a time, with pauses, until one has another outcome.
type outage struct {
	logger *slog.Logger
	probe  chan struct{} // holds the right to try
	learnt func(bool)    // the method learn, bound once: it is returned for every message

	mu    sync.Mutex
	over  chan struct{} // closed while there is no outage
	pause time.Duration
}

func newOutage(logger *slog.Logger) *outage {
	o := &outage{logger: logger, probe: make(chan struct{}, 1), over: make(chan struct{})}
	close(o.over)
	o.learnt = o.learn
	return o
}

// wait blocks while there is an outage, and reports whether it ended before ctx.
func (o *outage) wait(ctx context.Context) bool {
	select {
	case <-o.current():
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// enter blocks during an outage, until it is this message's turn and the pause is over. It returns false if ctx ended before;
// otherwise the caller must call leave after the attempt.
func (o *outage) enter(ctx context.Context) (leave func(unavailable bool), ok bool) {
	over := o.current()
	select {
	case <-over:
		return o.learnt, ctx.Err() == nil
	default:
	}
	select {
	case <-over:
		return o.enter(ctx)
	case <-ctx.Done():
		return nil, false
	case o.probe <- struct{}{}:
	}
	o.mu.Lock()
	pause := o.pause
	o.mu.Unlock()
	select {
	case <-over: // the one before has ended it
	case <-time.After(pause):
	case <-ctx.Done():
		<-o.probe
		return nil, false
	}
	return func(unavailable bool) {
		o.learn(unavailable)
		<-o.probe
	}, true
}

func (o *outage) current() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.over
}

// learn takes note of the result of an attempt.
func (o *outage) learn(unavailable bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case <-o.over: // none so far
		if unavailable {
			o.over, o.pause = make(chan struct{}), probeFirst
			o.logger.Warn("a dependency is unavailable: nothing more is fetched until it is back")
		}
	default:
		if unavailable {
			o.pause = min(2*o.pause, probeMost)
			return
		}
		close(o.over)
		o.logger.Info("the dependency is back")
	}
}
