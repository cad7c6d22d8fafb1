package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"example.com/clew/standalone/internal/orderapi"
	"example.com/clew/standalone/internal/state"
	"example.com/clew/standalone/internal/traceapi"
	"example.com/clew/standalone/internal/waterfall"
)

// Spans arrive in batches, a fifth of a second apart. A trace is taken for complete when no more have come for longer
// than that, and given up waiting for after settleWithin.
const (
	quiet        = 300 * time.Millisecond
	settleWithin = 5 * time.Second
	askAgain     = 25 * time.Millisecond
)

// traceCmd shows a trace.
type traceCmd struct {
	ID         string `arg:"" help:"The id of a trace, or of an order."`
	Statements bool   `help:"Show each database statement."`
}

// Run prints the trace as it is now.
func (c *traceCmd) Run(ctx context.Context) error {
	running, err := state.Load(state.Dir())
	if err != nil {
		return err
	}
	id := c.ID
	if strings.Contains(id, "-") { // a trace's id has none, an order's has
		order, err := orderapi.New(running.Addresses.Order).Get(ctx, id)
		if err != nil {
			return err
		}
		id = order.TraceID
	}
	trace, err := traceapi.New(running.Addresses.Viewer).Trace(ctx, id)
	if err != nil {
		return err
	}
	return render(os.Stdout, trace, c.Statements)
}

// printTrace waits until a trace that was just made is complete, and prints it.
func printTrace(ctx context.Context, w io.Writer, api *traceapi.Client, id string, statements bool) error {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	var trace traceapi.Trace
	var changed time.Time
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for {
		now, err := api.Trace(ctx, id)
		switch {
		case err != nil && !errors.Is(err, traceapi.ErrNotFound) && ctx.Err() == nil:
			return err
		case len(now.Spans) > len(trace.Spans):
			trace, changed = now, time.Now()
		case complete(trace) && time.Since(changed) > quiet:
			return render(w, trace, statements)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			if len(trace.Spans) == 0 {
				return traceapi.ErrNotFound
			}
			return render(w, trace, statements)
		}
	}
}

// complete tells whether every message that the trace created was sent, too.
func complete(trace traceapi.Trace) bool {
	sent := 0
	for _, span := range trace.Spans {
		switch {
		case strings.HasPrefix(span.Name, "create "):
			sent--
		case strings.HasPrefix(span.Name, "send "):
			sent++
		}
	}
	return len(trace.Spans) > 0 && sent >= 0
}

// render draws for a terminal as wide as it is, in colour unless NO_COLOR is set, and plain for 80 columns elsewhere.
func render(w io.Writer, trace traceapi.Trace, statements bool) error {
	options := waterfall.Options{Statements: statements}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		options.Color = os.Getenv("NO_COLOR") == ""
		if width, _, err := term.GetSize(int(file.Fd())); err == nil {
			options.Width = width
		}
	}
	if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil {
		options.Width = columns
	}
	return waterfall.Render(w, trace, options)
}
