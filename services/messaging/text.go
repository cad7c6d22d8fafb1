package messaging

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean is text that may go anywhere: valid UTF-8, because one wrong byte costs an exporter a whole batch of spans and a
// scrape all its metrics; without control characters, which a terminal would obey; cut to so many bytes. Whatever somebody
// else wrote goes through it on its way to a span, a label or a stream.
func clean(text string, most int) string {
	if !isClean(text) {
		text = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, strings.ToValidUTF8(text, "�"))
	}
	for len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}

// isClean reports whether text is clean, however long.
func isClean(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
