package story

import (
	"fmt"
	"slices"
	"strings"
)

// An Order is a trace, and the order that it tells of.
type Order struct {
	Trace
	OrderID  string
	Accepted string // id of the trace of the request in which it was accepted
	Status   string
}

// Orders returns the ids of the orders that the trace's messages are about.
func (t Trace) Orders() (ids []string) {
	for _, span := range t.Spans {
		if id := span.Order(); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// QueryMessages is the TraceQL query for the traces that tell of messages.
const QueryMessages = `{ .messaging.system = "redis_streams" }`

// QueryOf returns the TraceQL query for the traces that tell of an order's messages. A request that only reads the order
// does not.
func QueryOf(orderID string) string {
	return fmt.Sprintf("%s && .%s = %q }", strings.TrimSuffix(QueryMessages, " }"), attributeOrder, orderID)
}

// Whole reports whether the trace is the one in which the order was accepted.
func (o Order) Whole() bool { return o.ID == o.Accepted }

// Linked reports whether it is another, which links to that one.
func (o Order) Linked() bool { return !o.Whole() && o.linksToRequest() }

// Broken reports whether it is another, and nothing joins the two.
func (o Order) Broken() bool { return !o.Whole() && !o.linksToRequest() }

func (o Order) linksToRequest() bool {
	return o.Has(func(span Span) bool {
		return slices.ContainsFunc(span.Links, func(l Link) bool { return l.TraceID == o.Accepted })
	})
}

// TakenOver reports whether a message was taken over from a process that was killed.
func (t Trace) TakenOver() bool {
	return t.Has(func(span Span) bool {
		return slices.ContainsFunc(span.Events, func(e Event) bool { return e.Name == eventTakeover })
	})
}

// DeadLetters counts the moves to the dead letters.
func (t Trace) DeadLetters() (n int) {
	for _, span := range t.Spans {
		if span.isDeadLetter() {
			n++
		}
	}
	return n
}

// SucceededInTheEnd reports whether an attempt succeeded after the last dead letter.
func (t Trace) SucceededInTheEnd() bool {
	return t.Has(func(success Span) bool {
		return success.isAttempt() && success.Attributes.String(attributeOutcome) == "ack" &&
			!t.Has(func(span Span) bool { return span.isDeadLetter() && span.Start.After(success.Start) })
	})
}

func (s Span) isDeadLetter() bool { return strings.HasPrefix(s.Name, operationDeadLetter+" ") }

// Has reports whether one of the spans is such a one.
func (t Trace) Has(is func(Span) bool) bool { return slices.ContainsFunc(t.Spans, is) }
