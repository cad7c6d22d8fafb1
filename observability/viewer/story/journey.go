package story

import (
	"slices"
	"time"
)

// Settings are those of the system whose orders are told.
type Settings struct {
	Turns      []TurnSettings // in the order in which an order passes them
	Deliveries int64          // of a message, before it is dead-lettered
}

// TurnSettings are about one turn: a service takes up a message, writes a transaction, and leaves the next message in its
// outbox, from where it comes into a stream.
type TurnSettings struct {
	Service string   `json:"service"` // and the consumer group of its name
	Reads   string   `json:"reads"`   // the stream that it takes the message from; empty for a request over HTTP
	Stream  string   `json:"stream"`  // the stream that it leaves the next message in
	Request string   `json:"-"`       // the name of the server span that starts a turn over HTTP
	Types   []string `json:"-"`       // of the message that it leaves: one of them
}

// A Journey is the way of an order through the system, from the spans of all traces that tell of it.
type Journey struct {
	*Story   // of all spans; each knows its trace
	Settings Settings
	Traces   []Trace // the oldest first
	Turns    []Turn
}

// A Turn is one of a journey. Parts that have not happened, or have no span yet, are nil.
type Turn struct {
	TurnSettings
	Request    *Node   // of the first turn
	Entries    []*Node // attempts, dead letters and redrives, in the order of their time
	Created    *Node   // creates the message, in a transaction
	Statements int     // of that transaction
	Sent       *Node   // from the outbox to the stream
	Listeners  []*Node // attempts at the message by groups that are no part of the journey
	Break      *Break
}

// A Break is where processing left the trace in which its message was created.
type Break struct {
	From   string `json:"from"`  // the trace that it left
	Trace  string `json:"trace"` // the trace that it began
	Linked bool   `json:"linked"`
}

// Follow returns the journey of an order whose request was in the trace with the id own. The traces may tell of others, too.
func Follow(settings Settings, order, own string, traces []Trace) *Journey {
	traces = slices.SortedStableFunc(slices.Values(traces), func(a, b Trace) int { return start(a.Spans).Compare(start(b.Spans)) })
	whole := Trace{ID: own}
	for _, t := range traces {
		whole.Spans = append(whole.Spans, t.Spans...)
	}
	j := &Journey{Story: Tell(whole), Settings: settings, Traces: traces}

	var nodes []*Node
	Walk(j.Roots, func(n *Node) { nodes = append(nodes, n) })
	slices.SortStableFunc(nodes, func(a, b *Node) int { return a.Start.Compare(b.Start) })
	messages := make([]map[string]bool, len(settings.Turns)) // that each turn leaves
	for i, turn := range settings.Turns {
		messages[i] = map[string]bool{}
		for _, n := range nodes {
			if n.message() != "" && n.Order() == order && slices.Contains(turn.Types, n.Attributes.String(attributeEventType)) {
				messages[i][n.message()] = true
			}
		}
	}
	for i, turn := range settings.Turns {
		t := Turn{TurnSettings: turn}
		for _, n := range nodes {
			operation, group := n.Operation(), n.Attributes.String(attributeGroup)
			switch {
			case i == 0 && t.Request == nil && n.isRequest(turn):
				t.Request = n
			case i > 0 && messages[i-1][n.message()] && group == turn.Service &&
				slices.Contains([]string{operationProcess, operationDeadLetter, operationRedrive}, operation):
				t.Entries = append(t.Entries, n)
			case !messages[i][n.message()]:
			case operation == operationCreate && t.Created == nil:
				t.Created = n
			case operation == operationSend && t.Sent == nil:
				t.Sent = n
			case operation == operationProcess && (i+1 == len(settings.Turns) || group != settings.Turns[i+1].Service):
				t.Listeners = append(t.Listeners, n)
			}
		}
		if t.Created != nil {
			t.Statements = statements(t.Created)
		}
		for n := t.Created; n != nil; n = n.Parent {
			if n.isRequest(turn) { // a trace may have several
				t.Request = n
				break
			}
		}
		if i > 0 {
			t.Break = breakOf(t.Entries, j.Turns[i-1].Created)
		}
		j.Turns = append(j.Turns, t)
	}
	return j
}

func (n *Node) isRequest(turn TurnSettings) bool {
	return n.Kind == KindServer && n.Name == turn.Request
}

// statements counts those of the transaction in which a message is created: beside the span that creates it, and beneath.
func statements(created *Node) int {
	transaction := created
	if created.Parent != nil {
		transaction = created.Parent
	}
	count, stack := 0, []*Node{transaction}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, child := range n.Children {
			switch {
			case child.IsStatement():
				count++
			case child.Operation() == "" || child.Operation() == operationCreate:
				stack = append(stack, child)
			}
		}
	}
	return count
}

func breakOf(entries []*Node, created *Node) *Break {
	if created == nil {
		return nil
	}
	from := created.TraceID
	i := slices.IndexFunc(entries, func(n *Node) bool { return n.Operation() == operationProcess && n.TraceID != from })
	if i < 0 {
		return nil
	}
	linked := slices.ContainsFunc(entries[i].Links, func(l Link) bool { return l.TraceID == from })
	return &Break{From: from, Trace: entries[i].TraceID, Linked: linked}
}

// Waits adds up the time that the journey's messages waited, by place.
func (j *Journey) Waits() map[string]time.Duration {
	sum := map[string]time.Duration{}
	for _, t := range j.Turns {
		for _, n := range append(slices.Clone(t.Entries), t.Sent) {
			if n == nil {
				continue
			}
			for _, w := range n.Waits {
				sum[w.Place] += w.Length
			}
		}
	}
	return sum
}

// A Pending is a message that was delivered to a group and is not acknowledged: an attempt that runs, or waits for its turn,
// has no span yet.
type Pending struct {
	Stream         string  `json:"stream"`
	Group          string  `json:"group"`
	Type           string  `json:"type"`
	Consumer       string  `json:"consumer"`
	Deliveries     int64   `json:"deliveries"`
	MostDeliveries int64   `json:"deliveries_most"` // then it is dead-lettered
	Idle           float64 `json:"idle_seconds"`    // since its consumer was heard of, or since it failed
	Queued         bool    `json:"queued"`          // its consumer holds more than it works on at once
	Silent         bool    `json:"silent"`          // its consumer should have been heard of since
	Retry          bool    `json:"retry"`           // it failed and waits for its next attempt
	Due            float64 `json:"due_seconds"`     // until that attempt, roughly
}

// The places where an order can be that is not finished.
const (
	PlaceHTTP     = "http"     // nothing is known of it yet
	PlaceDatabase = "database" // in the transaction of a turn
	PlaceOutbox   = "outbox"   // its message waits for the relay
	PlaceStream   = "stream"   // its message is not delivered yet
	PlaceAttempt  = "attempt"  // its message is being processed
	PlaceRetry    = "retry"    // its message waits for the next attempt
	PlaceDead     = "dead"     // its message is a dead letter
	PlaceGone     = "gone"     // its message was a dead letter, which somebody discarded, or redrove at this moment
	PlaceEnd      = "end"      // its last message was sent
)

// A Where is the place of an order in its journey.
type Where struct {
	Turn  int      `json:"turn"` // the index of the turn that it is in
	Place string   `json:"place"`
	Held  *Pending `json:"held,omitempty"` // the message, while it is delivered and not acknowledged
}

// IsAtEnd reports whether every turn has sent its message.
func (j *Journey) IsAtEnd() bool {
	return !slices.ContainsFunc(j.Turns, func(t Turn) bool { return t.Sent == nil })
}

// Finished is when the transaction of the last turn was written, the zero time before that.
func (j *Journey) Finished() time.Time {
	if last := j.Turns[len(j.Turns)-1].Created; last != nil {
		return last.Busy().End
	}
	return time.Time{}
}

// Where finds the place of an order that is not finished, from its spans, from its messages that are pending, and from whether
// one of them is a dead letter.
func (j *Journey) Where(pending []Pending, deadLetter bool) Where {
	i := slices.IndexFunc(j.Turns, func(t Turn) bool { return t.Sent == nil })
	switch {
	case i < 0:
		return Where{Turn: len(j.Turns) - 1, Place: PlaceEnd}
	case j.Turns[i].Created != nil:
		return Where{Turn: i, Place: PlaceOutbox}
	case i == 0 && j.Turns[0].Request != nil:
		return Where{Place: PlaceDatabase}
	case i == 0:
		return Where{Place: PlaceHTTP}
	}
	turn := j.Turns[i]
	for _, p := range pending {
		if p.Stream == turn.Reads && p.Group == turn.Service && slices.Contains(j.Turns[i-1].Types, p.Type) {
			if p.Retry {
				return Where{i, PlaceRetry, &p}
			}
			return Where{i, PlaceAttempt, &p}
		}
	}
	w := Where{Turn: i, Place: PlaceStream}
	if len(turn.Entries) == 0 {
		return w
	}
	switch last := turn.Entries[len(turn.Entries)-1]; {
	case last.Operation() == operationDeadLetter && deadLetter:
		w.Place = PlaceDead
	case last.Operation() == operationDeadLetter:
		w.Place = PlaceGone
	case last.Operation() == operationProcess && last.IsDone():
		w.Place = PlaceDatabase
	case last.Operation() == operationProcess:
		w.Place = PlaceRetry
	}
	return w
}
