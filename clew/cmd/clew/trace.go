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

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/internal/waterfall"
	"example.com/clew/clew/orderapi"
	"example.com/clew/clew/state"
	"example.com/clew/clew/traceapi"
	"example.com/clew/observability/viewer/story"
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

// Run prints where the trace can be looked at, and the trace as it is now.
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
	trace, err := traceapi.New(running.Addresses.Traces).Trace(ctx, id)
	if err != nil {
		return err
	}
	terminal.Printf(os.Stdout, "%s\n\n", running.TraceURL(trace.ID))
	return render(os.Stdout, trace, c.Statements)
}

// readSettled reads the traces that an order has just made until they are complete, or for 5 s, and returns them as they are
// then.
func readSettled(ctx context.Context, order placed, read func(context.Context) ([]story.Trace, error)) ([]story.Trace, error) {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	var traces []story.Trace
	var changed time.Time
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for {
		now, err := read(ctx)
		switch {
		case err != nil && !errors.Is(err, traceapi.ErrNotFound) && ctx.Err() == nil:
			return nil, err
		case len(spans(now)) > len(spans(traces)):
			traces, changed = now, time.Now()
		case complete(traces, order) && time.Since(changed) > quiet:
			return traces, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			if len(traces) == 0 {
				return nil, traceapi.ErrNotFound
			}
			return traces, nil
		}
	}
}

// complete tells whether every message that was created was sent, too, and the order's end is seen: the answer that finished it,
// or the dead letter. Without that the quiet may be that of a collector on the way.
func complete(traces []story.Trace, order placed) bool {
	sent, ended, end := 0, false, "process stock"
	if order.DeadLetter != "" {
		end = "dead_letter "
	}
	for _, span := range spans(traces) {
		switch {
		case strings.HasPrefix(span.Name, "create "):
			sent--
		case strings.HasPrefix(span.Name, "send "):
			sent++
		case strings.HasPrefix(span.Name, end):
			ended = true
		}
	}
	return len(traces) > 0 && sent >= 0 && ended
}

func spans(traces []story.Trace) []story.Span {
	var all []story.Span
	for _, trace := range traces {
		all = append(all, trace.Spans...)
	}
	return all
}

// render draws for a terminal as wide as it is, in colour unless NO_COLOR is set, and plain for 80 columns elsewhere.
func render(w io.Writer, trace story.Trace, statements bool) error {
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
