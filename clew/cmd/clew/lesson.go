package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/orderapi"
	"example.com/clew/clew/state"
	"example.com/clew/clew/traceapi"
	"example.com/clew/observability/viewer/story"
)

// lessonCmd is about the lessons in docs/lessons.
type lessonCmd struct {
	Check lessonCheckCmd `cmd:"" help:"Look at the newest traces and say whether a lesson was done: 1, 2 or 3."`
}

// lessonCheckCmd finds out whether a lesson was done.
type lessonCheckCmd struct {
	Lesson string `arg:"" help:"Its number, as in docs/lessons."`
}

// lesson is what doing a lesson leaves behind, in the order of its steps.
type lesson struct {
	title string
	done  string // what is true of the order that met the last need
	needs []need
}

// need is a trace that doing a step leaves behind.
type need struct {
	query   string // in TraceQL, narrow: a search returns few traces
	is      func(story.Order) bool
	missing string // what is said if there is none, with the step that makes one
}

// Validate wants the number of a lesson.
func (c *lessonCheckCmd) Validate() error {
	if n, err := strconv.Atoi(c.Lesson); err == nil && n >= 1 && n <= len(lessons) {
		return nil
	}
	var titles []string
	for i, l := range lessons {
		titles = append(titles, fmt.Sprintf("%d (%s)", i+1, l.title))
	}
	return fmt.Errorf("there is no lesson %.40q, expected %s: see docs/lessons", c.Lesson, strings.Join(titles, ", "))
}

// Run prints what it found. It is an error, which names the step, if something is missing.
func (c *lessonCheckCmd) Run(ctx context.Context) error {
	running, err := state.Load(state.Dir())
	if err != nil {
		return err
	}
	traces, orders := traceapi.New(running.Addresses.Traces), orderapi.New(running.Addresses.Order)
	n, _ := strconv.Atoi(c.Lesson) // Validate has seen to it
	var order string
	for _, need := range lessons[n-1].needs {
		stories, err := storiesOf(ctx, traces, orders, need.query)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(stories, need.is)
		if i < 0 {
			return fmt.Errorf("lesson %d: not done: %s", n, need.missing)
		}
		order = stories[i].OrderID
	}
	terminal.Printf(os.Stdout, "lesson %d: done: order %s %s\n", n, order, lessons[n-1].done)
	return nil
}

// storiesOf reads the traces that a query selects, and the order that each tells of.
func storiesOf(ctx context.Context, traces *traceapi.Client, orders *orderapi.Client, query string) ([]story.Order, error) {
	found, err := traces.Search(ctx, query)
	if err != nil {
		return nil, err
	}
	var stories []story.Order
	for _, summary := range found {
		trace, err := traces.Trace(ctx, summary.ID)
		if errors.Is(err, traceapi.ErrNotFound) { // it may have just made room for another
			continue
		}
		if err != nil {
			return nil, err
		}
		ids := trace.Orders()
		if len(ids) == 0 {
			continue
		}
		order, err := orders.Get(ctx, ids[0])
		if err != nil {
			return nil, err
		}
		stories = append(stories, story.Order{Trace: trace, OrderID: order.ID, Accepted: order.TraceID, Status: order.Status})
	}
	return stories, nil
}
