// Package terminal prints for people what may come from outside, such as names in a scenario's file, errors of the target and
// results of other machines: it cannot steer the terminal.
package terminal

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Clean replaces characters that could move a terminal's cursor or change the meaning of a line.
func Clean(text string) string { return strings.Map(Printable, text) }

// Printable is Clean for one character.
func Printable(r rune) rune {
	if unicode.IsPrint(r) || r == '\u00a0' {
		return r
	}
	return '?'
}

// Printf prints as fmt.Fprintf does, and cleans each value first: only the format, which is ours, breaks lines.
func Printf(w io.Writer, format string, values ...any) {
	cleaned := make([]any, len(values))
	for i, value := range values {
		switch value.(type) {
		case int, float64:
			cleaned[i] = value
		default:
			cleaned[i] = Clean(fmt.Sprint(value))
		}
	}
	_, _ = fmt.Fprintf(w, format, cleaned...) // nobody could be told
}

// Error prints an error, one line for each of its lines.
func Error(w io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		Printf(w, "loadtest: %s\n", strings.TrimSpace(line))
	}
}
