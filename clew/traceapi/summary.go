// Package traceapi reads traces from whatever keeps them: Tempo in the full
// stack, Clew's viewer without Docker. Both answer Tempo's read API, so one
// small client serves `clew order` and `clew trace` in either.
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
