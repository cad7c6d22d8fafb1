package waterfall

import (
	"strings"

	"example.com/clew/clew/internal/terminal"
)

// A style is an ANSI SGR code. Only the 16 basic colours are used, which every
// terminal theme makes legible.
type style string

const (
	plain style = ""
	bold  style = "1"
	faint style = "2"
	red   style = "31" // failures only, so no service is red
)

// palette colours the services, in the order they appear.
var palette = [...]style{"36", "33", "35", "32", "34"}

// A printer writes the picture's text.
type printer struct {
	out    strings.Builder
	width  int
	color  bool
	colors map[string]style // of services
}

func (p *printer) paint(s style, text string) {
	if p.color && s != plain && strings.TrimSpace(text) != "" {
		text = "\x1b[" + string(s) + "m" + text + "\x1b[0m"
	}
	p.out.WriteString(text)
}

// line paints what ends a line.
func (p *printer) line(s style, text string) {
	p.paint(s, strings.TrimRight(text, " "))
	p.out.WriteByte('\n')
}

func (p *printer) wrapped(s style, text string, indent int) {
	for _, line := range terminal.Wrap(text, p.width, indent) {
		p.line(s, line)
	}
}
