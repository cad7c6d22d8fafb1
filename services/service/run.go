package service

import (
	"context"
	"errors"
	"fmt"
)

// Run runs the parts until ctx ends or a part ends by itself, which is an error. Then it stops and closes everything, within
// 20 s, and returns all errors. A Service runs once.
//
// Parts start in the order in which they were added and stop in reverse order, so that each can hand its last work to an
// earlier one: the API and the consumer write the outbox, which the relay empties.
func (s *Service) Run(ctx context.Context) error {
	for _, l := range s.loops {
		s.start(l)
	}
	s.tel.Logger.InfoContext(ctx, "started", "api", s.Addr(), "admin", s.AdminAddr())
	var err error
	select {
	case <-ctx.Done():
		s.tel.Logger.InfoContext(ctx, "stopping")
	case <-s.ended.Done():
		err = context.Cause(s.ended)
		s.tel.Logger.ErrorContext(ctx, "stopping", "error", err)
	}

	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownDeadline)
	defer cancel()
	defer s.end(nil)
	return errors.Join(err, s.shutdown.Run(deadline))
}

// start runs a loop until its turn in the shutdown. If it ends before, the whole service stops: without one of its parts it
// must not look alive.
func (s *Service) start(l loop) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := l.run(ctx)
		if ctx.Err() == nil {
			s.end(advise(fmt.Errorf("%s ended: %w", l.name, err)))
			err = nil // reported once
		}
		done <- err
	}()
	s.shutdown.Push(l.name, func(deadline context.Context) error {
		stop()
		select {
		case err := <-done:
			return err
		case <-deadline.Done():
			return deadline.Err()
		}
	})
}
