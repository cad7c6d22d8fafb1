// Package terminal makes text that comes from outside fit to be printed: it cannot
// steer the terminal, and keeps within a width.
package terminal

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Clean keeps what a terminal shows and drops what it obeys: control
// characters, and the invisible ones that reorder or join text. Line breaks and
// tabs become spaces.
func Clean(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError, unicode.Is(unicode.Variation_Selector, r), !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s))
}

// Cells returns how many terminal cells a cleaned text takes.
func Cells(s string) int {
	n := 0
	for _, r := range s {
		n += runeCells(r)
	}
	return n
}

func runeCells(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) { // combining marks
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Clip cuts a text to at most n cells, and shows that it did.
func Clip(s string, n int) string {
	if Cells(s) <= n {
		return s
	}
	if n <= 0 {
		return ""
	}
	used := 0
	for i, r := range s {
		used += runeCells(r)
		if used > n-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// ClipLeft is Clip from the other end, for the guides of a tree, a cell a rune:
// the nearest ancestors matter most.
func ClipLeft(guides string, n int) string {
	runes := []rune(guides)
	if len(runes) <= n {
		return guides
	}
	return "…" + string(runes[len(runes)-n+1:])
}

// Pad fills a text up with spaces to at least n cells.
func Pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-Cells(s)))
}

// Wrap breaks a text between words into lines of at most n cells, every line
// but the first indented. A word longer than a line is clipped.
func Wrap(s string, n, indent int) []string {
	margin := strings.Repeat(" ", indent)
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		switch {
		case line == "":
			line = word
		case Cells(line)+1+Cells(word) <= n:
			line += " " + word
		default:
			lines = append(lines, Clip(line, n))
			line = margin + word
		}
	}
	return append(lines, Clip(line, n))
}

// Duration writes a duration in at most 7 cells, precise enough to
// compare neighbours: milliseconds where they serve, for they line up.
func Duration(d time.Duration) string {
	const day = 24 * time.Hour
	if d <= 0 {
		return "0"
	}
	for _, scale := range []struct {
		below, unit, precision time.Duration
		digits                 int
		name                   string
	}{
		{time.Microsecond, time.Nanosecond, time.Nanosecond, 0, "ns"},
		{100 * time.Microsecond, time.Microsecond, time.Microsecond, 0, "µs"},
		{10 * time.Millisecond, time.Millisecond, 10 * time.Microsecond, 2, "ms"},
		{100 * time.Millisecond, time.Millisecond, 100 * time.Microsecond, 1, "ms"},
		{time.Second, time.Millisecond, time.Millisecond, 0, "ms"},
		{10 * time.Second, time.Second, 10 * time.Millisecond, 2, "s"},
		{time.Minute, time.Second, 100 * time.Millisecond, 1, "s"},
	} {
		if rounded := d.Round(scale.precision); rounded < scale.below {
			return fmt.Sprintf("%.*f%s", scale.digits, float64(rounded)/float64(scale.unit), scale.name)
		}
	}
	if s := d.Round(time.Second); s < time.Hour {
		return fmt.Sprintf("%dm%02ds", s/time.Minute, s%time.Minute/time.Second)
	}
	if m := d.Round(time.Minute); m < day {
		return fmt.Sprintf("%dh%02dm", m/time.Hour, m%time.Hour/time.Minute)
	}
	if h := d.Round(time.Hour); h < 100*day {
		return fmt.Sprintf("%dd%02dh", h/day, h%day/time.Hour)
	}
	return fmt.Sprintf("%dd", d/day)
}
