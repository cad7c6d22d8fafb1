package waterfall

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/clew/standalone/internal/terminal"
	"example.com/clew/standalone/internal/traceapi"
)

// A row is one line of the picture. It is made from spans but is not one, so a
// line may stand for several spans, or for one that was never exported.
type row struct {
	guides  string // the tree's lines to the left of the name
	below   string // the same for the details beneath
	name    string
	marks   string // see notes
	service string
	busy    []interval
	glyph   rune // what the bar is made of
	wait    wait // before the bar
	took    string
	details []detail // lines of their own beneath the row
}

// A detail says what a name and a bar cannot.
type detail struct{ mark, text string }

// An interval is when something worked; it never ends before it starts.
type interval struct{ start, end time.Time }

func (i interval) length() time.Duration { return i.end.Sub(i.start) }

const (
	barWork      = '█'
	barStatement = '▄'
	barWait      = '░'
	barKilled    = '╍'
)

// A builder turns the tree into rows and collects the notes they need.
type builder struct {
	traceID    string
	start      time.Time // of the trace
	roots      []*node
	names      map[string]string // of spans, by id
	statements bool              // show each
	rows       []row
	notes      notes
}

func newBuilder(trace traceapi.Trace, statements bool) *builder {
	b := &builder{
		traceID: trace.ID, roots: grow(trace.Spans),
		names: make(map[string]string, len(trace.Spans)), statements: statements,
	}
	if len(trace.Spans) > 0 {
		b.start = newAxis(trace.Spans).start
	}
	b.name(b.roots)
	return b
}

// name makes the nodes known to what links to them.
func (b *builder) name(nodes []*node) {
	for _, n := range nodes {
		b.names[n.ID] = strings.TrimSpace(spanName(n.Span) + " " + attemptMark(n))
		b.name(n.children)
	}
}

// add appends the rows of siblings and of everything beneath them.
func (b *builder) add(siblings []*node, indent string, roots bool) {
	groups := b.fold(siblings)
	for i, group := range groups {
		guide, below := "├ ", "│ "
		if i == len(groups)-1 {
			guide, below = "└ ", "  "
		}
		if roots {
			guide, below = "", ""
		}
		r := b.row(group)
		r.guides = indent + guide
		r.below = indent + below
		children := group[0].children // a folded group has none
		if len(children) > 0 {
			r.below += "│ "
		} else {
			r.below += "  "
		}
		b.rows = append(b.rows, r)
		b.add(children, indent+below, false)
	}
}

// fold groups statements that follow each other in one service, unless there is
// more to say about one than that it ran.
func (b *builder) fold(siblings []*node) [][]*node {
	plainStatement := func(n *node) bool {
		return isStatement(n.Span) && len(n.children) == 0 && !n.orphan &&
			!n.Error && len(n.Links) == 0 && len(n.Events) == 0
	}
	var groups [][]*node
	for _, n := range siblings {
		if last := len(groups) - 1; last >= 0 && !b.statements {
			previous := groups[last][0]
			if plainStatement(previous) && plainStatement(n) && previous.Service == n.Service {
				groups[last] = append(groups[last], n)
				continue
			}
		}
		groups = append(groups, []*node{n})
	}
	return groups
}

func (b *builder) row(group []*node) row {
	first := group[0]
	r := row{
		name:    spanName(first.Span),
		marks:   b.marks(first),
		service: cmp.Or(terminal.Clean(first.Service), "-"),
		glyph:   barWork,
		wait:    waitBefore(first),
		details: details(first.Span),
	}
	var took time.Duration
	for _, n := range group {
		i := busy(n.Span)
		r.busy = append(r.busy, i)
		took += i.length()
	}
	r.took = terminal.Duration(took)
	switch {
	case first.killed:
		r.glyph, r.took = barKilled, "?"
		r.details = []detail{{markKilled, fmt.Sprintf("killed: %s, last seen at +%s",
			terminal.Clean(first.Attributes.String(attributeConsumer)), terminal.Duration(first.End.Sub(b.start)))}}
	case isStatement(first.Span):
		r.glyph = barStatement
		b.notes.statements = true
	}
	if len(group) > 1 {
		r.name = plural(len(group), "statement")
		b.notes.folded = true
	}
	b.notes.addWait(r.wait)
	return r
}

// marks are the signs beside a name; the notes explain each that appears.
func (b *builder) marks(n *node) string {
	marks := attemptMark(n)
	if marks != "" {
		marks += " "
	}
	if n.killed {
		marks += markKilled
		b.notes.killed = true
	}
	if n.Error {
		marks += markFailed
		b.notes.failed = true
	}
	if n.orphan {
		marks += markOrphan
		b.notes.orphans = true
	}
	linksParent := false
	var others []string
	for _, link := range n.Links {
		inside := link.TraceID == "" || link.TraceID == b.traceID
		if inside && link.SpanID == n.Parent {
			linksParent = true
		} else {
			if target := b.linkTarget(link, inside); !slices.Contains(others, target) {
				others = append(others, target)
			}
		}
	}
	if linksParent {
		marks += markParent
		b.notes.parentLinks = true
	}
	return strings.TrimSpace(marks + b.notes.linkMark(others))
}

func attemptMark(n *node) string {
	if n.attempt == 0 {
		return ""
	}
	return fmt.Sprint("#", n.attempt)
}

func (b *builder) linkTarget(link traceapi.Link, inside bool) string {
	if !inside {
		return "trace " + terminal.Clean(link.TraceID)
	}
	if name, ok := b.names[link.SpanID]; ok {
		return name
	}
	return "span " + terminal.Clean(link.SpanID) + " (not in this trace)"
}

// details says why a span failed, what became of its message, and those of its
// events that change what happened. Others would bury the picture.
func details(s traceapi.Span) []detail {
	var lines []detail
	add := func(mark, text string) {
		if text != "" {
			lines = append(lines, detail{mark, text})
		}
	}
	outcome := s.Attributes.String(attributeOutcome)
	if outcome == "ack" {
		outcome = ""
	}
	add(markFailed, terminal.Clean(s.Attributes.String(attributeReason)))
	if s.Error {
		add(markFailed, joinReason(outcome, joinReason(s.Attributes.String("error.type"), s.StatusMessage)))
	} else {
		add(markNote, terminal.Clean(outcome))
	}
	for _, e := range s.Events {
		switch e.Name {
		case "exception":
			message := e.Attributes.String("exception.message")
			if s.Error && message == s.StatusMessage {
				continue // said above
			}
			add(markFailed, joinReason(cmp.Or(e.Attributes.String("exception.type"), e.Name), message))
		}
	}
	return lines
}

func joinReason(kind, message string) string {
	kind, message = terminal.Clean(kind), terminal.Clean(message)
	if kind == "" || message == "" {
		return cmp.Or(kind, message)
	}
	return kind + ": " + message
}

func isStatement(s traceapi.Span) bool {
	return s.Kind == traceapi.KindClient && s.Attributes["db.system.name"] != nil
}

func busy(s traceapi.Span) interval {
	if s.End.Before(s.Start) {
		return interval{s.Start, s.Start}
	}
	return interval{s.Start, s.End}
}

func spanName(s traceapi.Span) string {
	return cmp.Or(terminal.Clean(s.Name), "(unnamed)")
}
