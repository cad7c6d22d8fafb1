package story

import (
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

func (s Span) order() string { return s.Attributes.String(attributeOrder) }

func (s Span) isAttempt() bool { return strings.HasPrefix(s.Name, operationProcess+" ") }

// retell numbers the attempts at each message, where there are several, and adds those whose process was killed. It
// returns the roots with what it added.
func retell(nodes, roots []*Node) []*Node {
	attempts := map[string][]*Node{}
	for _, n := range nodes {
		if n.message() != "" && n.isAttempt() {
			key := n.message() + " " + n.Attributes.String(attributeGroup)
			attempts[key] = append(attempts[key], n)
		}
	}
	of := messages{}
	killed := map[*Node]*Node{} // by the attempt that took over
	for _, known := range attempts {
		all := slices.Clone(known)
		for _, n := range known[:min(len(known), maxCompared)] {
			if k := killedBefore(n, known[:min(len(known), maxCompared)], of); k != nil {
				all = append(all, k)
				killed[n] = k
			}
		}
		slices.SortStableFunc(all, byStart)
		number(all)
	}
	return insert(killed, nodes, roots)
}

// insert puts each killed attempt before the one that took over, and returns the roots.
func insert(killed map[*Node]*Node, nodes, roots []*Node) []*Node {
	into := func(siblings []*Node) []*Node {
		if !slices.ContainsFunc(siblings, func(n *Node) bool { return killed[n] != nil }) {
			return siblings
		}
		var all []*Node
		for _, n := range siblings {
			if k := killed[n]; k != nil {
				all = append(all, k)
			}
			all = append(all, n)
		}
		return all
	}
	if len(killed) == 0 {
		return roots
	}
	for _, n := range nodes {
		n.Children = into(n.Children)
	}
	return into(roots)
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
	return &Node{
		Span: Span{
			TraceID: n.TraceID, ID: n.ID + "-killed", Parent: n.Span.Parent,
			Service: n.Service, Resource: n.Resource, Scope: n.Scope, Name: n.Name, Kind: n.Kind, Start: from, End: seen,
			Attributes: Attributes{
				attributeMessage:    n.Attributes[attributeMessage],
				attributeGroup:      n.Attributes[attributeGroup],
				attributeConsumer:   consumer,
				attributeDeliveries: told[attributeDeliveries],
				attributeLastSeen:   told[attributeLastSeen],
			},
		},
		Parent: n.Parent,
		Killed: true,
	}
}
