package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/otel/codes"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
	"example.com/clew/services/messaging"
)

// dlqRedriveCmd gives dead letters back.
type dlqRedriveCmd struct {
	selection
	Force bool `help:"Also those that are so old that they could take effect a second time."`
}

// Run redrives each dead letter. That is a trace of its own, of the service "clew", to which the next attempts link.
func (c *dlqRedriveCmd) Run(ctx context.Context) (err error) {
	running, err := state.Load(state.Dir())
	if err != nil {
		return err
	}
	tel, err := setupTelemetry(ctx, "clew", running)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, tel.Shutdown(context.WithoutCancel(ctx))) }()
	admin, done, err := newAdmin(tel.TracerProvider)
	if err != nil {
		return err
	}
	defer done()

	ctx, span := tel.TracerProvider.Tracer("example.com/clew/clew/cmd/clew").Start(ctx, "clew dlq redrive")
	defer span.End()
	redriven := 0
	err = c.each(ctx, admin, func(d deadLetter) error {
		there, err := admin.Redrive(ctx, d.Stream, d.DeadLetter, c.Force)
		switch {
		case errors.Is(err, messaging.ErrTooOld):
			return fmt.Errorf("%s: %w; `clew dlq redrive --force` does it all the same", d.ID, messaging.ErrTooOld)
		case err != nil && strings.Contains(err.Error(), "NOGROUP"):
			return fmt.Errorf("%s: the group %s that gave it up is gone, so nobody would read it: "+
				"`clew dlq discard` deletes it", d.ID, terminal.Clean(d.Group))
		case err != nil:
			return err
		case !there:
			return gone(d.ID)
		}
		redriven++
		terminal.Printf(os.Stdout, "redriven %s for the group %s\n", d, d.Group)
		return nil
	})
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	if redriven > 0 {
		id := span.SpanContext().TraceID().String()
		terminal.Printf(os.Stdout, "trace %s\n%s\n", id, running.TraceURL(id))
	}
	return err
}

// dlqDiscardCmd deletes dead letters.
type dlqDiscardCmd struct{ selection }

// Run deletes each dead letter.
func (c *dlqDiscardCmd) Run(ctx context.Context) error {
	admin, done, err := newAdmin(nil)
	if err != nil {
		return err
	}
	defer done()
	return c.each(ctx, admin, func(d deadLetter) error {
		there, err := admin.Discard(ctx, d.Stream, d.DeadLetter)
		if err == nil && !there {
			err = gone(d.ID)
		}
		if err == nil {
			terminal.Printf(os.Stdout, "discarded %s\n", d)
		}
		return err
	})
}
