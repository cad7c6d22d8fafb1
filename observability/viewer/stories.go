package viewer

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"example.com/clew/observability/viewer/story"
)

const (
	mostTraces = 20 // of one order that are looked at
	mostOrders = 3  // of one trace whose other traces are looked for

	newestTraces = 100
)

// Trace returns the spans kept of a trace, whose id has 32 hexadecimal digits; none of an unknown one.
func (v *Viewer) Trace(id string) (story.Trace, error) {
	parsed, err := parseTraceID(id)
	if err != nil {
		return story.Trace{}, err
	}
	stored, _ := v.store.trace(parsed)
	decoded, err := stored.decode()
	if err != nil {
		return story.Trace{}, err
	}
	trace := story.Trace{ID: hex.EncodeToString(parsed[:]), Spans: story.FromOTLP(decoded)}
	if stored.partial {
		trace.Partial = partialMessage
	}
	return trace, nil
}

// TracesOf returns the traces that tell of an order's messages and that ended since then, at most 20, the newest first. It
// looks at every trace since then, for at most 5 s.
func (v *Viewer) TracesOf(ctx context.Context, orderID string, since time.Time) ([]story.Trace, error) {
	request := searchRequest{limit: mostTraces}
	if !since.IsZero() {
		request.start, request.end = uint64(since.UnixNano()), math.MaxUint64
	}
	return v.find(ctx, story.QueryOf(orderID), request)
}

// NewestTraces returns the newest traces that tell of messages, at most 100. It looks for them for at most 5 s.
func (v *Viewer) NewestTraces(ctx context.Context) ([]story.Trace, error) {
	return v.find(ctx, story.QueryMessages, searchRequest{limit: newestTraces})
}

func (v *Viewer) find(ctx context.Context, query string, request searchRequest) (traces []story.Trace, err error) {
	if request.query, err = parseQuery(query); err != nil {
		return nil, fmt.Errorf("look for traces with %.200s: %w", query, err)
	}
	request.spansPerSet = 1
	found, err := v.search(ctx, request)
	if err != nil {
		return nil, err
	}
	for _, f := range found.Traces {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		trace, err := v.Trace(f.TraceID)
		if err != nil {
			return nil, err
		}
		if len(trace.Spans) > 0 { // else it made room for another one meanwhile
			traces = append(traces, trace)
		}
	}
	return traces, nil
}

func (v *Viewer) getStory(w http.ResponseWriter, r *http.Request) {
	trace, err := v.Trace(r.PathValue("id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, story.Tell(trace))
}

// getSummaries answers the summaries of traces that have spans, by their ids, of which the query has one or more.
func (v *Viewer) getSummaries(w http.ResponseWriter, r *http.Request) {
	summaries := map[string]story.Summary{}
	for _, id := range r.URL.Query()["id"] {
		trace, err := v.Trace(id)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if len(trace.Spans) > 0 {
			summaries[trace.ID] = story.Tell(trace).Summary()
		}
	}
	writeJSON(w, summaries)
}

// relatedTrace is another trace of an order.
type relatedTrace struct {
	ID      string           `json:"id"`
	Service string           `json:"service"` // of its root, as is name
	Name    string           `json:"name"`
	Spans   int              `json:"spans"`
	After   time.Duration    `json:"after"` // the start of this trace, in nanoseconds
	Here    []story.LinkFrom `json:"here"`  // links from it to this trace
	There   []story.LinkFrom `json:"there"` // links from this trace to it
}

// getRelated answers the other traces of the trace's orders, and those that it links to, the oldest first. A link is kept
// only where it begins: so one from another trace is found by the order's id.
func (v *Viewer) getRelated(w http.ResponseWriter, r *http.Request) {
	trace, err := v.Trace(r.PathValue("id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), v.searchTimeout) // for the searches of all orders together
	defer cancel()
	related, err := v.related(ctx, trace)
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, map[string]any{"items": related})
}

func (v *Viewer) related(ctx context.Context, trace story.Trace) ([]relatedTrace, error) {
	others := map[string]story.Trace{}
	for _, span := range trace.Spans {
		for _, link := range span.Links {
			_, known := others[link.TraceID]
			if known || link.TraceID == "" || link.TraceID == trace.ID || len(others) == mostTraces {
				continue // each is read once, however many spans link to it
			}
			if other, err := v.Trace(link.TraceID); err == nil { // a link may hold anything
				others[other.ID] = other
			}
		}
	}
	orders := trace.Orders()
	for _, order := range orders[:min(mostOrders, len(orders))] {
		found, err := v.TracesOf(ctx, order, time.Time{})
		if err != nil {
			return nil, err
		}
		for _, other := range found {
			others[other.ID] = other
		}
	}
	delete(others, trace.ID)

	told := story.Tell(trace)
	related := []relatedTrace{}
	for id, other := range others {
		s := story.Tell(other)
		root := s.Root()
		if root == nil {
			continue // it is not known here
		}
		related = append(related, relatedTrace{
			ID: id, Service: root.Service, Name: root.Name, Spans: len(other.Spans), After: s.Start.Sub(told.Start),
			Here: other.LinksTo(trace.ID), There: trace.LinksTo(id),
		})
	}
	slices.SortFunc(related, func(a, b relatedTrace) int { return cmp.Compare(a.After, b.After) })
	return related[:min(mostTraces, len(related))], nil
}
