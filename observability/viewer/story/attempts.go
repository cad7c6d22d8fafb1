package story

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// What messaging tells of a message and of each attempt to process it.
const (
	attributeMessage    = "messaging.message.id"
	attributeOrder      = "messaging.message.conversation_id"
	attributeEventType  = "cloudevents.event_type"
	attributeOperation  = "messaging.operation.name"
	attributeGroup      = "messaging.consumer.group.name"
	attributeConsumer   = "messaging.client.id"
	attributeDeliveries = "messaging.redis_streams.delivery_count"
	attributeOutcome    = "messaging.redis_streams.outcome"
	attributeReason     = "messaging.redis_streams.dlq.reason"

	eventTakeover      = "takeover"
	attributeTakenFrom = "messaging.redis_streams.taken_over_from"
	attributeLastSeen  = "last_seen_at"
)

// The operations on a message.
const (
	operationCreate     = "create"
	operationSend       = "send"
	operationProcess    = "process"
	operationDeadLetter = "dead_letter"
	operationRedrive    = "redrive"
)

// Operation is the operation on a message that the span is, "" if it is none.
func (n *Node) Operation() string {
	if n.Killed {
		return operationProcess
	}
	return n.Attributes.String(attributeOperation)
}

// IsDone reports whether the span is an attempt after which its message needs no other.
func (n *Node) IsDone() bool {
	outcome := n.Attributes.String(attributeOutcome)
	return outcome == "ack" || outcome == "duplicate"
}

func (s Span) message() string { return s.Attributes.String(attributeMessage) }

// Order is the id of the order that the span's message is about, "" if there is none.
func (s Span) Order() string { return s.Attributes.String(attributeOrder) }

func (s Span) isAttempt() bool { return strings.HasPrefix(s.Name, operationProcess+" ") }

// retell numbers the attempts at each message, where there are several, and adds those whose process was killed. It
// returns the roots with the added attempts.
func retell(nodes, roots []*Node) []*Node {
	type told struct{ attempts, letters []*Node } // either may be empty
	byMessage := map[string]*told{}
	for _, n := range nodes {
		key := n.messageOfGroup()
		if key == "" {
			continue
		}
		if byMessage[key] == nil {
			byMessage[key] = &told{}
		}
		if m := byMessage[key]; n.isAttempt() {
			m.attempts = append(m.attempts, n)
		} else {
			m.letters = append(m.letters, n)
		}
	}
	of := messages{}
	added := map[*Node][]*Node{} // by the node that tells of them
	for _, m := range byMessage {
		all := slices.Clone(m.attempts)
		compared := m.attempts[:min(len(m.attempts), maxCompared)]
		for _, n := range compared {
			if k := killedBefore(n, compared, of); k != nil {
				all = append(all, k)
				added[n] = append(added[n], k)
			}
		}
		var since time.Time // the dead letter before
		for _, letter := range m.letters[:min(len(m.letters), maxCompared)] {
			lost := lostBefore(letter, since, all[:min(len(all), maxCompared)], of)
			all = append(all, lost...)
			added[letter] = lost
			since = letter.Start
		}
		slices.SortStableFunc(all, byStart)
		number(all)
		noteRedrives(all, m.letters)
	}
	return insert(added, nodes, roots)
}

// noteRedrives tells the first attempt after each dead letter when its message was given up. Both are sorted.
func noteRedrives(attempts, letters []*Node) {
	for _, n := range attempts {
		for len(letters) > 0 && letters[0].Start.Before(n.Start) {
			n.givenUp, letters = letters[0].Busy().End, letters[1:]
		}
	}
}

// insert puts the added attempts before the nodes that tell of them, and returns the roots.
func insert(added map[*Node][]*Node, nodes, roots []*Node) []*Node {
	into := func(siblings []*Node) []*Node {
		if !slices.ContainsFunc(siblings, func(n *Node) bool { return added[n] != nil }) {
			return siblings
		}
		var all []*Node
		for _, n := range siblings {
			all = append(append(all, added[n]...), n)
		}
		return all
	}
	if len(added) == 0 {
		return roots
	}
	for _, n := range nodes {
		n.Children = into(n.Children)
	}
	return into(roots)
}

// lostBefore returns the attempts before a dead letter that no span tells of: each killed its process, and no attempt came
// after them that could tell. Only their number is known, from the dead letter's deliveries, and that they were between what
// happened to the message before and the dead letter.
func lostBefore(letter *Node, since time.Time, known []*Node, of messages) (lost []*Node) {
	const most = 20 // a count above that is no count but a mistake
	deliveries, _ := letter.Attributes[attributeDeliveries].(int64)
	if deliveries > most {
		return nil
	}
	from, told := letter.Start, int64(0)
	for _, n := range known {
		if n.Start.After(since) && n.Start.Before(letter.Start) {
			told++
		}
	}
	if told >= deliveries {
		return nil
	}
	if letter.Parent != nil { // since the end of what happened to the message before
		from = letter.Parent.Start
		for _, n := range append(slices.Clone(of.beside(letter)), letter.Parent) {
			if end := n.Busy().End; !end.After(letter.Start) && end.After(from) {
				from = end
			}
		}
	}
	for delivery := told + 1; delivery <= deliveries; delivery++ {
		lost = append(lost, killedAttempt(letter, fmt.Sprintf("%s-lost-%03d", letter.ID, delivery), from, letter.Start, Attributes{
			attributeDeliveries: delivery,
		}))
	}
	return lost
}

// killedAttempt is an attempt at the message of another node that has no span.
func killedAttempt(of *Node, id string, from, to time.Time, about Attributes) *Node {
	_, stream, _ := strings.Cut(of.Name, " ")
	about[attributeMessage], about[attributeGroup] = of.Attributes[attributeMessage], of.Attributes[attributeGroup]
	return &Node{
		Span: Span{
			TraceID: of.TraceID, ID: id, Parent: of.Span.Parent, Service: of.Service, Resource: of.Resource, Scope: of.Scope,
			Name: operationProcess + " " + stream, Kind: KindConsumer, Start: from, End: to, Attributes: about,
		},
		Parent: of.Parent,
		Killed: true,
	}
}

// number counts the attempts at one message. A delivery count that says more tells of attempts that are not here; one
// that says less began again with a redrive.
func number(attempts []*Node) {
	last := 0
	for _, n := range attempts {
		count, _ := n.Attributes[attributeDeliveries].(int64)
		last = max(last+1, int(min(count, 1_000))) // more is no count but a mistake
		n.Attempt = last
	}
	if last == 1 {
		attempts[0].Attempt = 0
	}
}

// killedBefore is the attempt that a process was killed in and therefore never told of, drawn from what the attempt
// that took over knows: whose it was, and when that was last seen. It can have begun as soon as the message was there.
// There is none if the one that was taken over from lived on after all, and told of its attempt.
func killedBefore(n *Node, known []*Node, of messages) *Node {
	i := slices.IndexFunc(n.Events, func(e Event) bool { return e.Name == eventTakeover })
	if i < 0 {
		return nil
	}
	told := n.Events[i].Attributes
	consumer := told.String(attributeTakenFrom)
	seen, err := time.Parse(time.RFC3339, told.String(attributeLastSeen))
	if err != nil || seen.After(n.Start) || slices.ContainsFunc(known, func(other *Node) bool {
		return other.Attributes.String(attributeConsumer) == consumer &&
			other.Attributes[attributeDeliveries] == told[attributeDeliveries]
	}) {
		return nil
	}
	from := n.Start.Add(-waitBefore(n, of).Length)
	if from.After(seen) {
		from = seen
	}
	return killedAttempt(n, n.ID+"-killed", from, seen, Attributes{
		attributeConsumer:   consumer,
		attributeDeliveries: told[attributeDeliveries],
		attributeLastSeen:   told[attributeLastSeen],
	})
}
