package page

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	tracesEvery  = 200 * time.Millisecond
	streamsEvery = time.Second

	// writeWithin is the time in which a browser must take an event. A stop of the viewer waits no longer for it.
	writeWithin = 2 * time.Second
)

// changes streams server-sent events until the browser leaves or the viewer stops: "traces" with the ids of traces that got
// spans, "streams" with the result of Streams.Look, or "problem" if that fails.
func (p *page) changes(w http.ResponseWriter, r *http.Request) {
	written := p.Viewer.Subscribe()
	defer written.Close()
	out := http.NewResponseController(w)
	send := func(event string, data any) bool {
		text, err := json.Marshal(data)
		if err != nil {
			return false
		}
		_ = out.SetWriteDeadline(time.Now().Add(writeWithin)) // a recorder has none
		_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, text)
		return err == nil && out.Flush() == nil
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	open := p.sendStreams(r.Context(), send)
	traces, streams := time.NewTicker(tracesEvery), time.NewTicker(streamsEvery)
	defer traces.Stop()
	defer streams.Stop()
	for open {
		select {
		case <-r.Context().Done():
			return
		case <-written.Ended():
			return
		case <-traces.C:
			if ids := written.Take(); len(ids) > 0 {
				open = send("traces", map[string]any{"ids": ids})
			}
		case <-streams.C:
			open = p.sendStreams(r.Context(), send)
		}
	}
}

func (p *page) sendStreams(ctx context.Context, send func(event string, data any) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, streamsEvery)
	defer cancel()
	all, err := p.Streams.Look(ctx)
	if err != nil {
		return send("problem", asProblem(err))
	}
	return send("streams", all)
}
