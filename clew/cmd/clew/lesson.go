package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/orderapi"
	"example.com/clew/clew/state"
	"example.com/clew/clew/traceapi"
	"example.com/clew/observability/viewer/story"
)

// lessonCmd is about the lessons in docs/lessons.
type lessonCmd struct {
	List  lessonListCmd  `cmd:"" default:"1" help:"List the lessons, each with done or not done."`
	Check lessonCheckCmd `cmd:"" help:"Look at the newest traces and say whether a lesson was done."`
}

type lessonListCmd struct{}

// lessonCheckCmd finds out whether a lesson was done.
type lessonCheckCmd struct {
	Lesson string `arg:"" optional:"" help:"Its number, as in docs/lessons; without one, all are checked."`
}

// A lesson is what doing a lesson leaves behind, in the order of its steps.
type lesson struct {
	title string
	done  string // what is true of what met the last need
	needs []need
}

// A need is what doing a step leaves behind.
type need struct {
	met     func(context.Context, evidence) (what string, err error) // such as an order, or "" if nothing did
	missing string                                                   // what is said then, with the step that makes one
}

// Validate wants the number of a lesson.
func (c *lessonCheckCmd) Validate() error {
	if c.Lesson == "" {
		return nil
	}
	if n, err := strconv.Atoi(c.Lesson); err == nil && n >= 1 && n <= len(lessons) {
		return nil
	}
	return fmt.Errorf("there is no lesson %.40q, expected 1 to %d: `clew lesson` lists them", c.Lesson, len(lessons))
}

// Run prints what it found. It is an error, which names the step, if something is missing.
func (c *lessonCheckCmd) Run(ctx context.Context) error {
	from, err := newEvidence()
	if err != nil {
		return err
	}
	if c.Lesson != "" {
		n, _ := strconv.Atoi(c.Lesson) // Validate has seen to it
		return from.report(ctx, n)
	}
	var missing []error
	for n := range lessons {
		missing = append(missing, from.report(ctx, n+1))
	}
	return errors.Join(missing...)
}

// Run lists the lessons. One that is not done is no error here.
func (c *lessonListCmd) Run(ctx context.Context) error {
	from, err := newEvidence()
	if err != nil {
		return err
	}
	for n, l := range lessons {
		_, missing, err := from.check(ctx, l)
		if err != nil {
			return err
		}
		is := "done"
		if missing != "" {
			is = "not done"
		}
		terminal.Printf(os.Stdout, "%2d  %-45s  %s\n", n+1, l.title, is)
	}
	return nil
}

// evidence is where it shows that a lesson was done.
type evidence struct {
	traces  *traceapi.Client
	orders  *orderapi.Client
	metrics string // base URL of Prometheus's API
}

func newEvidence() (evidence, error) {
	running, err := state.Load(state.Dir())
	at := running.Addresses
	return evidence{traceapi.New(at.Traces), orderapi.New(at.Order), at.Metrics}, err
}

// report prints that the lesson with this number was done, or returns an error that names the missing step.
func (e evidence) report(ctx context.Context, n int) error {
	what, missing, err := e.check(ctx, lessons[n-1])
	if err != nil {
		return err
	}
	if missing != "" {
		return fmt.Errorf("lesson %d: not done: %s", n, missing)
	}
	return terminal.Printf(os.Stdout, "lesson %d: done: %s %s\n", n, what, lessons[n-1].done)
}

// check returns what met the lesson's last need, or what is missing first.
func (e evidence) check(ctx context.Context, l lesson) (what, missing string, err error) {
	for _, need := range l.needs {
		if what, err = need.met(ctx, e); what == "" || err != nil {
			return "", need.missing, err
		}
	}
	return what, "", nil
}

// metric is met by what is named if a PromQL expression about it has a value.
func metric(what, query string) func(context.Context, evidence) (string, error) {
	return func(ctx context.Context, e evidence) (string, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.metrics+"/api/v1/query?"+url.Values{"query": {query}}.Encode(), nil)
		if err != nil {
			return "", err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		var answer struct {
			Error string
			Data  struct{ Result []any }
		}
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Error != "" {
			return "", fmt.Errorf("query the metrics: %w", cmp.Or(err, errors.New(answer.Error)))
		}
		if len(answer.Data.Result) == 0 {
			return "", nil
		}
		return what, nil
	}
}

// anOrder is met by an order of which a trace that the TraceQL query selects is such a one. A narrow query is fast: it finds
// few traces.
func anOrder(query string, is func(seen) bool) func(context.Context, evidence) (string, error) {
	return func(ctx context.Context, e evidence) (string, error) {
		found, err := e.traces.Search(ctx, query)
		if err != nil {
			return "", err
		}
		for _, summary := range found {
			s, err := e.see(ctx, summary.ID)
			if err != nil {
				return "", err
			}
			if s.OrderID != "" && is(s) {
				return "order " + s.OrderID, nil
			}
		}
		return "", nil
	}
}

// seen is a trace, and the order that it tells of.
type seen struct {
	story.Order
	requestKept bool // the trace of the order's request is kept
}

// see reads a trace. Without an order, or if it has just made room for another, it is empty.
func (e evidence) see(ctx context.Context, id string) (s seen, err error) {
	trace, err := e.traces.Trace(ctx, id)
	if errors.Is(err, traceapi.ErrNotFound) {
		return s, nil
	}
	ids := trace.Orders()
	if err != nil || len(ids) == 0 {
		return s, err
	}
	order, err := e.orders.Get(ctx, ids[0])
	if errors.Is(err, orderapi.ErrNotFound) { // its messages are about something else
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s = seen{story.Order{Trace: trace, OrderID: order.ID, Accepted: order.TraceID, Status: order.Status}, true}
	if s.Whole() {
		return s, nil
	}
	_, err = e.traces.Trace(ctx, order.TraceID)
	if errors.Is(err, traceapi.ErrNotFound) {
		s.requestKept, err = false, nil
	}
	return s, err
}
