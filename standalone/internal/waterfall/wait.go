package waterfall

import (
	"time"

	"example.com/clew/standalone/internal/terminal"
	"example.com/clew/standalone/internal/traceapi"
)

// A wait is how long a message lay somewhere before a span took it up.
type wait struct {
	place  string        // "outbox" or "stream"; empty for no wait
	length time.Duration // 0 for one that is too short to be known
}

func formatWait(length time.Duration) string {
	if length == 0 {
		return "<1ms"
	}
	return terminal.Duration(length)
}

// waitBefore is the wait that messaging measured, less what it cannot know: its
// clock starts when the event is created, before the commit that puts it into
// the outbox, and a stream entry's id counts whole milliseconds. So a wait
// begins no earlier than the end of what happened to the message before: its
// creation, and its sending and earlier attempts beside this span.
func waitBefore(n *node) wait {
	w := measuredWait(n.Attributes)
	if w.place == "" || n.parent == nil {
		return w
	}
	since := n.Start.Add(-w.length)
	after := func(s traceapi.Span) {
		if end := busy(s).end; s.Start.Before(n.Start) && end.After(since) {
			since = end
		}
	}
	after(n.parent.Span)
	const messageID = "messaging.message.id"
	for _, sibling := range n.parent.children {
		if id := n.Attributes.String(messageID); id != "" && sibling.Attributes.String(messageID) == id {
			after(sibling.Span)
		}
	}
	w.length = max(0, n.Start.Sub(since))
	return w
}

func measuredWait(a traceapi.Attributes) wait {
	for _, place := range []string{"outbox", "stream"} {
		ms := -1.0
		switch v := a["messaging.redis_streams."+place+"_wait_ms"].(type) {
		case int64:
			ms = float64(v)
		case float64:
			ms = v
		}
		const year = 365 * 24 * time.Hour // more is no wait but a broken clock
		if length := ms * float64(time.Millisecond); length >= 0 && length < float64(year) {
			return wait{place, time.Duration(length)}
		}
	}
	return wait{}
}
