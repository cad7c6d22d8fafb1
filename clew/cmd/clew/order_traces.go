package main

import (
	"context"
	"errors"
	"io"
	"slices"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
	"example.com/clew/clew/traceapi"
	"example.com/clew/observability/viewer/story"
)

// printTraces prints every trace that an order left, one below the other: first that of its request, then those that
// it broke into, the oldest first, with their links. The first one's is printed already.
func printTraces(ctx context.Context, w io.Writer, running state.State, order placed, statements bool) error {
	api := traceapi.New(running.Addresses.Traces)
	traces, err := readSettled(ctx, order, func(ctx context.Context) ([]story.Trace, error) { return tracesOf(ctx, api, order) })
	if err != nil {
		return err
	}
	for i, trace := range traces {
		if i > 0 {
			terminal.Printf(w, "\n--- the same order, in another trace (%d of %d) ---\n\n", i+1, len(traces))
			terminal.Printf(w, "%s\n\n", running.TraceURL(trace.ID))
		}
		if err := render(w, trace, statements); err != nil {
			return err
		}
	}
	return nil
}

// tracesOf reads the traces in which an order's messages were created, sent or processed.
func tracesOf(ctx context.Context, api *traceapi.Client, order placed) ([]story.Trace, error) {
	own, err := api.Trace(ctx, order.TraceID)
	if err != nil {
		return nil, err
	}
	found, err := api.Search(ctx, story.QueryOf(order.ID))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b traceapi.Summary) int { return a.Start.Compare(b.Start) })
	traces := []story.Trace{own}
	for _, summary := range found {
		if summary.ID == order.TraceID {
			continue
		}
		trace, err := api.Trace(ctx, summary.ID)
		if err != nil && !errors.Is(err, traceapi.ErrNotFound) { // it may have just made room for another
			return nil, err
		}
		traces = append(traces, trace)
	}
	return traces, nil
}
