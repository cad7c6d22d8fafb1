// Package story turns the spans of a trace into a model: a tree, the attempts at each message, how long messages waited,
// links in both directions, the critical path. From the traces of an order it makes the order's journey. It reads no clock
// and no network. The terminal draws the model, and the page draws its JSON: the rules stand only here.
//
// The files read in the order of the data: trace.go is what a back end has and otlp.go how it arrives; tree.go finds the
// shape of the trace, attempts.go the attempts at messages, wait.go how long messages waited, links.go the ends of links,
// path.go the critical path, scale.go the axis to draw it on, fold.go the statements that are one row; reason.go says why
// something failed, outcome.go whether anything did for good, and summary.go counts. order.go and journey.go are about an
// order and all of its traces, routes.go about the system that many traces show. json.go is what the page gets.
package story

import "time"

// A Trace is every span of one trace, in no particular order.
type Trace struct {
	ID      string // 32 lower-case hexadecimal digits
	Spans   []Span
	Partial string // the back end's words about spans that are missing; empty if it knows of none
}

// A Span is one operation of one service. All text comes from outside and may
// hold anything, control characters included: clean it before printing.
type Span struct {
	TraceID    string // 32 lower-case hexadecimal digits
	ID         string // 16 of them
	Parent     string // the parent's ID, empty for a root
	Service    string // the resource's service.name
	Resource   Attributes
	Scope      string // the library that made the span
	Name       string
	Kind       Kind
	Start, End time.Time // UTC, from the service's own clock: End may precede Start, and either may be missing
	Attributes Attributes
	Events     []Event
	Links      []Link

	Error         bool // the span's status is an error
	StatusMessage string
}

// An Event is something that happened at one moment of a span.
type Event struct {
	Name       string
	Time       time.Time
	Attributes Attributes
}

// A Link names a span of this or another trace that caused this one.
type Link struct {
	TraceID, SpanID string // hexadecimal, as in Trace and Span
	Attributes      Attributes
}

// Attributes holds values as string, int64, float64, bool, []any or
// map[string]any. Bytes stay in base64, as a string.
type Attributes map[string]any

// String returns the attribute's text, or "" when it is missing or no text.
func (a Attributes) String(key string) string {
	s, _ := a[key].(string)
	return s
}

// Kind is a span's role as OTLP numbers it.
type Kind int

func (k Kind) String() string {
	names := [...]string{"unspecified", "internal", "server", "client", "producer", "consumer"}
	if k < 0 || int(k) >= len(names) {
		return names[0]
	}
	return names[k]
}

// The span kinds of OTLP; zero is unspecified.
const (
	KindInternal Kind = iota + 1
	KindServer
	KindClient
	KindProducer
	KindConsumer
)

// An Interval is when something worked; it never ends before it starts.
type Interval struct{ Start, End time.Time }

// Length returns how long it is.
func (i Interval) Length() time.Duration { return i.End.Sub(i.Start) }

// Busy is when the span worked.
func (s Span) Busy() Interval {
	if s.End.Before(s.Start) {
		return Interval{s.Start, s.Start}
	}
	return Interval{s.Start, s.End}
}

func (s Span) hasStart() bool { return s.Start.After(time.Unix(0, 0)) }

// IsStatement reports whether the span is a statement of a database. Older conventions have db.system.
func (s Span) IsStatement() bool {
	return s.Kind == KindClient && (s.Attributes["db.system.name"] != nil || s.Attributes["db.system"] != nil)
}
