// Package traceapi reads traces from whatever keeps them: Tempo in the full
// stack, Clew's viewer without Docker. Both answer Tempo's read API, so one
// small client serves `clew order` and `clew trace` in either.
//
// Client asks; decode.go turns the JSON answers into the flat Trace below, and
// values.go reads OTLP's several spellings of ids, times and attributes.
package traceapi

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

// A Summary is one trace that a search found.
type Summary struct {
	ID          string // 32 lower-case hexadecimal digits
	RootService string
	RootName    string
	Start       time.Time
	Duration    time.Duration // in whole milliseconds
}
