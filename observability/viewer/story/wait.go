package story

import "time"

// A Wait is how long a message lay somewhere before a span took it up.
type Wait struct {
	Place  string        // "outbox", "stream" or "dead letters"; empty for no wait
	Length time.Duration // 0 for one that is too short to be known
}

// Waited is how long the message waited before the span in all.
func (n *Node) Waited() (sum time.Duration) {
	for _, w := range n.Waits {
		sum += w.Length
	}
	return sum
}

// setWaits notes the waits of a message before its span: in the outbox or the stream and, before the first attempt after a
// redrive, among the dead letters.
func (n *Node) setWaits(of messages) {
	w := waitBefore(n, of)
	if w.Place == "" {
		return
	}
	n.Waits = []Wait{w}
	if among := n.Start.Add(-w.Length).Sub(n.givenUp); !n.givenUp.IsZero() && among > 0 {
		n.Waits = []Wait{{"dead letters", among}, w}
	}
}

// waitBefore is the wait that messaging measured, less what it cannot know: its
// clock starts when the event is created, before the commit that puts it into
// the outbox, and a stream entry's id counts whole milliseconds. So a wait
// begins no earlier than the end of what happened to the message before: its
// creation, and its sending and earlier attempts beside this span.
func waitBefore(n *Node, of messages) Wait {
	w := measuredWait(n.Attributes)
	if w.Place == "" || n.Parent == nil {
		return w
	}
	since := n.Start.Add(-w.Length)
	after := func(s Span) {
		if end := s.Busy().End; s.Start.Before(n.Start) && end.After(since) {
			since = end
		}
	}
	after(n.Parent.Span)
	for _, sibling := range of.beside(n) {
		after(sibling.Span)
	}
	w.Length = max(0, n.Start.Sub(since))
	return w
}

func measuredWait(a Attributes) Wait {
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
			return Wait{place, time.Duration(length)}
		}
	}
	return Wait{}
}

// maxCompared bounds the spans of one message that are compared with each other. More are no attempts but a mistake.
const maxCompared = 1_000

// messages finds the spans of a message beneath a parent, so that not all children have to be looked through for each.
type messages map[*Node]map[string][]*Node

// beside returns the spans beside n that are of its message, n too.
func (of messages) beside(n *Node) []*Node {
	id := n.message()
	if id == "" {
		return nil
	}
	if of[n.Parent] == nil {
		byMessage := map[string][]*Node{}
		for _, child := range n.Parent.Children {
			byMessage[child.message()] = append(byMessage[child.message()], child)
		}
		of[n.Parent] = byMessage
	}
	all := of[n.Parent][id]
	return all[:min(len(all), maxCompared)]
}
