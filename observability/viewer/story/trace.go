// Package story tells a trace: how its spans hang together, what became of each message and each attempt at it, how long
// messages waited, what the end of the trace waited for. It reads no clock and no network: the terminal draws what it
// returns, and so does the page.
//
// The files read in the order of the data: trace.go is what a back end has, tree.go finds the shape of the trace, wait.go
// and attempts.go what spans tell of messages and what no span tells, path.go what the end waited for, fold.go which
// statements are one line, and reason.go why something failed.
package story

import "time"

// A Trace is every span of one trace, in no particular order.
type Trace struct {
	ID    string // 32 lower-case hexadecimal digits
	Spans []Span
}

// A Span is one operation of one service. All text comes from outside and may
// hold anything, control characters included: clean it before printing.
type Span struct {
	ID         string // 16 lower-case hexadecimal digits
	Parent     string // the parent's ID, empty for a root
	Service    string // the resource's service.name
	Name       string
	Kind       Kind
	Start, End time.Time // UTC, from the service's own clock: End may precede Start
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

// IsStatement reports whether the span is a statement of a database.
func (s Span) IsStatement() bool {
	return s.Kind == KindClient && s.Attributes["db.system.name"] != nil
}
