package waterfall

import (
	"cmp"
	"slices"

	"example.com/clew/standalone/internal/traceapi"
)

// A node is a span with its place in the tree.
type node struct {
	traceapi.Span
	parent   *node
	children []*node
	orphan   bool // it names a parent, but the trace does not hold it
	attempt  int  // at its message, from 1; 0 for the only one, and for what is none
	killed   bool // not a span of the trace, but told of by another
}

// grow returns the roots of the trace, siblings by their start. Every span is
// in the tree once, whatever the spans claim about their parents. Attempts that
// left no span are in it as well.
func grow(spans []traceapi.Span) []*node {
	nodes := make([]*node, 0, len(spans))
	byID := make(map[string]*node, len(spans))
	for _, s := range spans {
		n := &node{Span: s}
		nodes = append(nodes, n)
		byID[s.ID] = n
	}
	slices.SortStableFunc(nodes, byStart)

	var roots []*node
	for _, n := range nodes {
		parent := byID[n.Parent]
		switch {
		case n.Parent == "":
			roots = append(roots, n)
		case parent == nil:
			n.orphan = true
			roots = append(roots, n)
		default:
			n.parent = parent
			parent.children = append(parent.children, n)
		}
	}
	roots = append(roots, breakCycles(nodes, roots)...)
	return retell(nodes, roots)
}

// breakCycles makes roots of spans that are each other's ancestors, so that
// nothing a back end answers is left out or drawn for ever.
func breakCycles(nodes, roots []*node) (cut []*node) {
	reached := make(map[*node]bool, len(nodes))
	var reach func(*node)
	reach = func(n *node) {
		reached[n] = true
		for _, child := range n.children {
			reach(child)
		}
	}
	for _, root := range roots {
		reach(root)
	}
	for _, n := range nodes {
		if reached[n] {
			continue
		}
		n.parent.children = slices.DeleteFunc(n.parent.children, func(child *node) bool { return child == n })
		n.parent, n.orphan = nil, true
		cut = append(cut, n)
		reach(n)
	}
	return cut
}

func byStart(a, b *node) int {
	return cmp.Or(
		a.Start.Compare(b.Start),
		b.End.Compare(a.End), // of two that start together, the longer holds the other
		cmp.Compare(a.ID, b.ID),
	)
}
