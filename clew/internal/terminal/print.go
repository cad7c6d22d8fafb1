package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Printf prints for a person as fmt.Fprintf does, and cleans each value first: a value may come from outside, the format is
// ours. So only the format breaks lines and has control sequences.
func Printf(w io.Writer, format string, values ...any) error {
	cleaned := make([]any, len(values))
	for i, value := range values {
		switch value := value.(type) {
		case int, int64, float64:
			cleaned[i] = value
		case []byte:
			cleaned[i] = Clean(string(value))
		default:
			cleaned[i] = Clean(fmt.Sprint(value))
		}
	}
	_, err := fmt.Fprintf(w, format, cleaned...)
	return err
}

// Error prints an error after the name of who reports it. Its further lines are indented, so that none passes for a line of
// its own. Whether it could be printed, nobody could be told.
func Error(w io.Writer, from string, err error) {
	margin := ""
	for line := range strings.Lines(strings.TrimSpace(err.Error())) {
		if margin == "" {
			_ = Printf(w, "%s: %s\n", from, line)
		} else {
			_ = Printf(w, margin+"%s\n", line)
		}
		margin = "  "
	}
}

// JSON prints a value for other programs. What a terminal would obey, or would not show, is escaped, which changes no value.
// An empty list must not be nil.
func JSON(w io.Writer, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return err
	}
	var escaped strings.Builder
	for _, r := range text.String() {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			escaped.WriteRune(r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&escaped, `\u%04x`, unit)
			}
		}
	}
	_, err := io.WriteString(w, escaped.String())
	return err
}

// Lines returns a writer that cleans each line before w gets it: for logs. Every write must be of whole lines.
func Lines(w io.Writer) io.Writer { return lines{w} }

type lines struct{ to io.Writer }

func (l lines) Write(text []byte) (int, error) {
	var cleaned bytes.Buffer
	for line := range bytes.Lines(text) {
		cleaned.WriteString(Clean(string(line)) + "\n")
	}
	_, err := cleaned.WriteTo(l.to)
	return len(text), err
}
