package waterfall

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/observability/viewer/story"
)

// A row is one line of the picture. It is made from spans but is not one, so a
// line may stand for several spans, or for one that was never exported.
type row struct {
	guides  string // the tree's lines to the left of the name
	below   string // the same for the details beneath
	name    string
	marks   string // see notes
	service string
	busy    []story.Interval
	glyph   rune         // what the bar is made of
	waits   []story.Wait // before the bar, the last up to it
	took    string
	details []detail // lines of their own beneath the row
}

// A detail says what a name and a bar cannot.
type detail struct{ mark, text string }

const (
	barWork      = '█'
	barStatement = '▄'
	barWait      = '░'
	barKilled    = '╍'
	barFold      = "╱"
)

// A builder turns the tree into rows and collects the notes they need.
type builder struct {
	*story.Story
	statements bool // show each
	rows       []row
	notes      notes
}

func newBuilder(trace story.Trace, statements bool) *builder {
	return &builder{Story: story.Tell(trace), statements: statements}
}

// add appends the rows of siblings and of everything beneath them.
func (b *builder) add(siblings []*story.Node, indent string, roots bool) {
	groups := b.groups(siblings)
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
		children := group[0].Children // a folded group has none
		if len(children) > 0 {
			r.below += "│ "
		} else {
			r.below += "  "
		}
		b.rows = append(b.rows, r)
		b.add(children, indent+below, false)
	}
}

// groups are what gets a row each.
func (b *builder) groups(siblings []*story.Node) [][]*story.Node {
	if !b.statements {
		return story.Fold(siblings)
	}
	var groups [][]*story.Node
	for _, n := range siblings {
		groups = append(groups, []*story.Node{n})
	}
	return groups
}

func (b *builder) row(group []*story.Node) row {
	first := group[0]
	r := row{
		name:    spanName(first.Span),
		marks:   b.marks(first),
		service: cmp.Or(terminal.Clean(first.Service), "-"),
		glyph:   barWork,
		waits:   first.Waits,
		details: details(first.Span),
	}
	var took time.Duration
	for _, n := range group {
		i := n.Busy()
		r.busy = append(r.busy, i)
		took += i.Length()
	}
	r.took = terminal.Duration(took)
	switch {
	case first.Killed:
		r.glyph, r.took = barKilled, "?"
		text := "killed its process before +" + terminal.Duration(first.End.Sub(b.Start))
		if consumer := first.Attributes.String("messaging.client.id"); consumer != "" {
			text = fmt.Sprintf("killed: %s, last seen at +%s", terminal.Clean(consumer), terminal.Duration(first.End.Sub(b.Start)))
		}
		r.details = []detail{{markKilled, text}}
	case first.IsStatement():
		r.glyph = barStatement
		b.notes.statements = true
	}
	if len(group) > 1 {
		r.name = plural(len(group), "statement")
		b.notes.folded = true
	}
	for _, w := range r.waits {
		b.notes.addWait(w)
	}
	return r
}

// marks are the signs beside a name; the notes explain each that appears.
func (b *builder) marks(n *story.Node) string {
	marks := attemptMark(n)
	if marks != "" {
		marks += " "
	}
	if n.Killed {
		marks += markKilled
		b.notes.killed = true
	}
	if n.Error {
		marks += markFailed
		b.notes.failed = true
	}
	if n.Orphan {
		marks += markOrphan
		b.notes.orphans = true
	}
	linksParent := false
	var others []string
	for i, link := range n.Links {
		target := n.Targets[i]
		linksParent = linksParent || target.ToParent
		if text := linkTarget(link, target); !target.ToParent && !slices.Contains(others, text) {
			others = append(others, text)
		}
	}
	if linksParent {
		marks += markParent
		b.notes.parentLinks = true
	}
	return strings.TrimSpace(marks + b.notes.linkMark(others))
}

// label is a node's name, and which attempt it is.
func label(n *story.Node) string { return strings.TrimSpace(spanName(n.Span) + " " + attemptMark(n)) }

func attemptMark(n *story.Node) string {
	if n.Attempt == 0 {
		return ""
	}
	return fmt.Sprint("#", n.Attempt)
}

func linkTarget(link story.Link, target story.Target) string {
	switch {
	case target.Node != nil:
		return label(target.Node)
	case target.Inside:
		return "span " + terminal.Clean(link.SpanID) + " (not in this trace)"
	default:
		return "trace " + terminal.Clean(link.TraceID)
	}
}

// details are the reasons that a span tells, a line each.
func details(s story.Span) []detail {
	var lines []detail
	for _, reason := range s.Reasons() {
		mark := markNote
		if reason.Failed {
			mark = markFailed
		}
		lines = append(lines, detail{mark, terminal.Clean(reason.String())})
	}
	return lines
}

func spanName(s story.Span) string {
	return cmp.Or(terminal.Clean(s.Name), "(unnamed)")
}
