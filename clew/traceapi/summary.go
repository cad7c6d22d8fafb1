// Package traceapi reads traces from whatever keeps them: Tempo in the full
// stack, Clew's viewer without Docker. Both answer Tempo's read API, so one
// small client serves `clew order` and `clew trace` in either.
//
// Client asks; decode.go turns the JSON answers into package story's Trace, and
// values.go reads OTLP's several spellings of ids, times and attributes.
package traceapi

import "time"

// A Summary is one trace that a search found.
type Summary struct {
	ID          string // 32 lower-case hexadecimal digits
	RootService string
	RootName    string
	Start       time.Time
	Duration    time.Duration // in whole milliseconds
}
