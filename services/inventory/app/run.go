package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"example.com/clew/services/httpserver"
)

// shutdownDeadline bounds a stop. The times that its steps may take add up to less; the relay takes 5 s at most.
const (
	shutdownDeadline = 20 * time.Second
	apiGrace         = 4 * time.Second // for requests in flight
	consumerGrace    = 8 * time.Second // for messages in flight
	adminGrace       = time.Second
)

// Run serves until ctx ends or one of the service's loops does, which it should not. Then it stops and closes
// everything, within 20 s, and returns what went wrong. An App runs once.
//
// The loops stop in the reverse of the order in which they start, so that each may still hand its work to the next: the
// API and the consumer write the outbox, which the relay empties. The admin server shows all of it.
func (a *App) Run(ctx context.Context) error {
	ended, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	live := func() error { return context.Cause(ended) }

	a.start("admin server", a.serve(a.adminListener, a.admin(live), adminGrace), end)
	a.start("relay", a.relay.Run, end)
	a.start("consumer", a.consumer.Run, end)
	a.start("API", a.serve(a.listener, a.handler, apiGrace), end)
	a.tel.Logger.InfoContext(ctx, "started", "api", a.Addr(), "admin", a.AdminAddr())
	select {
	case <-ctx.Done():
		a.tel.Logger.InfoContext(ctx, "stopping")
	case <-ended.Done():
		a.tel.Logger.ErrorContext(ctx, "stopping", "error", live())
	}
	err := live()

	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownDeadline)
	defer cancel()
	return errors.Join(err, a.shutdown.Run(deadline))
}

// start runs a loop until its turn in the shutdown. If the loop ends before, end is told.
func (a *App) start(name string, run func(context.Context) error, end context.CancelCauseFunc) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := run(ctx)
		if ctx.Err() == nil {
			end(fmt.Errorf("%s ended: %w", name, err))
			err = nil // told once
		}
		done <- err
	}()
	a.shutdown.Push(name, func(deadline context.Context) error {
		stop()
		select {
		case err := <-done:
			return err
		case <-deadline.Done():
			return deadline.Err()
		}
	})
}

func (a *App) serve(listener net.Listener, handler http.Handler, grace time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		return httpserver.Serve(ctx, listener, handler, a.tel.Logger, grace)
	}
}
