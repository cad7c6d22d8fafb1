package messaging

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes text safe for spans, labels and streams: valid UTF-8, because one wrong byte costs an exporter a whole batch of
// spans and a scrape all its metrics; no control characters, which a terminal would obey; not longer than most bytes. All text of
// other programs goes through it.
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

// isClean reports whether text is valid UTF-8 without control characters.
func isClean(text string) bool {
	for i := range len(text) {
		switch b := text[i]; {
		case b >= utf8.RuneSelf: // rare, and slower to look at
			return utf8.ValidString(text[i:]) && !strings.ContainsFunc(text[i:], unicode.IsControl)
		case b < ' ' || b == 0x7f:
			return false
		}
	}
	return true
}
