package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// Shutdown is a stack of steps that stop the parts of a process, in reverse order of their start. A constructor pushes each
// part's stop as soon as the part runs, and runs the stack if a later part fails to start. It is not safe for concurrent use.
type Shutdown struct {
	logger *slog.Logger
	steps  []step
}

type step struct {
	name string
	stop func(context.Context) error
}

// NewShutdown returns an empty stack, which logs failed steps to logger.
func NewShutdown(logger *slog.Logger) *Shutdown { return &Shutdown{logger: logger} }

// Push adds a step that runs before the present ones. A step must return soon after its context ends.
func (s *Shutdown) Push(name string, stop func(context.Context) error) {
	s.steps = append(s.steps, step{name, stop})
}

// Run takes the steps off the stack and runs them, the last one pushed first. ctx's deadline is for all of them. A step that
// fails is logged, and the others still run. Run blocks until the last one has returned, and returns all their errors, joined.
// Running an empty stack does nothing.
func (s *Shutdown) Run(ctx context.Context) error {
	var errs []error
	for len(s.steps) > 0 {
		last := s.steps[len(s.steps)-1]
		s.steps = s.steps[:len(s.steps)-1]
		if err := last.stop(ctx); err != nil {
			s.logger.ErrorContext(ctx, "shutdown step failed", "step", last.name, "error", err)
			errs = append(errs, fmt.Errorf("stop %s: %w", last.name, err))
		}
	}
	return errors.Join(errs...)
}
