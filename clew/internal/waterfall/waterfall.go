// Package waterfall draws one trace for a terminal: one line a span, in the
// order and shape of the tree, each with a bar on a common time axis. Waiting in
// the outbox and in the stream is drawn too: no span covers it, and under load a
// message spends most of its time there.
//
// Package story tells the trace. Of the files here rows.go decides what each line
// says, notes.go explains the marks, and chart.go draws the lines.
package waterfall

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/observability/viewer/story"
)

// Options say how to draw; the zero value is a plain picture for 80 columns.
type Options struct {
	// Width is the most terminal cells a line may take. Default 80, at least 40.
	Width int
	// Color paints with ANSI sequences, a colour a service. The picture says
	// the same without.
	Color bool
	// Statements shows each database statement. The default folds statements
	// that follow each other into one line.
	Statements bool
}

// Render draws the trace. What the trace says is cleaned of control characters
// first, so it cannot steer the terminal. The only error is the writer's.
func Render(w io.Writer, trace story.Trace, options Options) error {
	width := max(40, cmp.Or(options.Width, 80))
	b := newBuilder(trace, options.Statements)
	b.add(b.Roots, "", true)

	p := printer{width: width, color: options.Color, colors: map[string]style{}}
	p.header(trace, b)
	if len(b.rows) > 0 {
		p.chart(b.rows, axis{b.Start, b.Scale})
		b.notes.gap = slices.ContainsFunc(b.Scale, story.Stretch.Folded)
		p.legend(b.notes.lines())
	}
	_, err := io.WriteString(w, p.out.String())
	return err
}

func (p *printer) header(trace story.Trace, b *builder) {
	var services []string
	for _, r := range b.rows {
		if _, known := p.colors[r.service]; !known {
			p.colors[r.service] = palette[len(services)%len(palette)]
			services = append(services, r.service)
		}
	}
	failed := 0
	for _, s := range trace.Spans {
		if s.Error {
			failed++
		}
	}
	p.wrapped(bold, "trace "+terminal.Clean(trace.ID), 0)
	if len(trace.Spans) == 0 {
		p.wrapped(plain, "no spans", 0)
		return
	}
	facts := []string{
		terminal.Duration(b.Total),
		plural(len(trace.Spans), "span"),
		plural(len(services), "service"),
		b.Start.UTC().Format(time.DateTime + ".000 UTC"),
	}
	if failed > 0 {
		facts = append(facts, plural(failed, "error"))
	}
	p.wrapped(plain, strings.Join(facts, " · "), 0)
}

func (p *printer) legend(lines []string) {
	p.out.WriteByte('\n')
	for _, line := range lines {
		p.wrapped(faint, line, 2)
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
