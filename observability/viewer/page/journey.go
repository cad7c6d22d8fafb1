package page

import (
	"net/http"
	"slices"
	"time"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/viewer/story"
)

// getJourney answers the way of an order, from all of its traces, and where it is while it is not at the end. The query says
// in which trace the order was accepted, trace, and when, since (RFC 3339).
func (p *page) getJourney(r *http.Request) (any, error) {
	id, own := r.PathValue("id"), r.URL.Query().Get("trace")
	since, err := time.Parse(time.RFC3339, r.URL.Query().Get("since"))
	if err != nil {
		return nil, httpserver.Problemf(http.StatusBadRequest, "since is %.50q: expected when the order was accepted, as RFC 3339 has it",
			r.URL.Query().Get("since"))
	}
	traces, err := p.Viewer.TracesOf(r.Context(), id, since.Add(-time.Second)) // clocks differ
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(traces, func(t story.Trace) bool { return t.ID == own }) {
		accepted, err := p.Viewer.Trace(own)
		if err != nil {
			return nil, httpserver.Problemf(http.StatusBadRequest, "trace is no trace id: %v", err)
		}
		traces = append(traces, accepted)
	}
	journey := story.Follow(p.Journey, id, own, traces)
	answer := struct {
		Journey *story.Journey `json:"journey"`
		Where   story.Where    `json:"where"`
		Problem string         `json:"problem,omitempty"` // why it is not known what is pending
	}{Journey: journey}
	var pending []story.Pending
	if !journey.IsAtEnd() {
		pending, err = p.Streams.Pending(r.Context(), id)
	}
	answer.Where = journey.Where(pending, true)
	if err == nil && answer.Where.Place == story.PlaceDead { // only then it matters whether somebody discarded it
		var there bool
		there, err = p.Streams.HasDeadLetter(r.Context(), id)
		answer.Where = journey.Where(pending, there || err != nil)
	}
	if err != nil {
		answer.Problem = asProblem(err).Detail
	}
	return answer, nil
}

// A fate is what an order's spans tell of its end.
type fate struct {
	Finished *time.Time `json:"finished"` // null before that
	Dead     bool       `json:"dead"`     // its message is a dead letter
}

// getFates answers the fates of the orders that the newest traces tell of, by their ids.
func (p *page) getFates(r *http.Request) (any, error) {
	traces, err := p.Viewer.NewestTraces(r.Context())
	if err != nil {
		return nil, err
	}
	of := map[string]story.Trace{} // what the order's own spans tell is enough, and a trace may have many orders
	for _, trace := range traces {
		for _, span := range trace.Spans {
			if order := span.Order(); order != "" {
				of[order] = story.Trace{Spans: append(of[order].Spans, span)}
			}
		}
	}
	fates := make(map[string]fate, len(of))
	for order, spans := range of {
		journey := story.Follow(p.Journey, order, "", []story.Trace{spans})
		f := fate{Dead: journey.Where(nil, true).Place == story.PlaceDead}
		if at := journey.Finished(); !at.IsZero() {
			f.Finished = &at
		}
		fates[order] = f
	}
	return fates, nil
}
