package page

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
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
	send := func(e event) bool {
		_ = out.SetWriteDeadline(time.Now().Add(writeWithin)) // a recorder has none
		_, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", e.name, e.data)
		return err == nil && out.Flush() == nil
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	open := send(p.look.event(p.Streams))
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
				open = send(newEvent("traces", map[string]any{"ids": ids}))
			}
		case <-streams.C:
			open = send(p.look.event(p.Streams))
		}
	}
}

// An event is one that is sent to browsers.
type event struct {
	name string
	data []byte // JSON
}

func newEvent(name string, data any) event {
	text, err := json.Marshal(data)
	if err != nil {
		return newEvent("problem", asProblem(fmt.Errorf("encode %s: %w", name, err)))
	}
	return event{name, text}
}

// A look is the last one at the streams. It serves all browsers for a second.
type look struct {
	mu   sync.Mutex
	at   time.Time
	last event
}

// event looks at the streams, unless the last look is young enough. It takes a second at most.
func (l *look) event(streams Streams) event {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.at) < streamsEvery*9/10 { // else a ticker that is a little early would see the last look twice
		return l.last
	}
	ctx, cancel := context.WithTimeout(context.Background(), streamsEvery)
	defer cancel()
	all, err := streams.Look(ctx)
	if err != nil {
		l.last = newEvent("problem", asProblem(err))
	} else {
		l.last = newEvent("streams", all)
	}
	l.at = time.Now()
	return l.last
}
