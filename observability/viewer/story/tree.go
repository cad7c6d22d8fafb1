package story

import (
	"cmp"
	"slices"
	"time"
)

// A Story is a trace as a tree.
type Story struct {
	ID    string
	Start time.Time     // of the first span
	Total time.Duration // until the end of the last
	Roots []*Node       // by their start, as are siblings everywhere
	named map[string]*Node
}

// A Node is a span with its place in the tree.
type Node struct {
	Span
	Parent   *Node
	Children []*Node
	Orphan   bool // it names a parent, but the trace does not hold it
	Attempt  int  // at its message, from 1; 0 for the only one, and for what is no attempt
	Killed   bool // not a span of the trace, but told of by another
	Wait     Wait // of its message, before it
}

// Tell tells a trace. Every span is in the tree once, whatever the spans claim about their parents, and so are attempts
// that left no span because their process was killed.
func Tell(trace Trace) *Story {
	s := &Story{ID: trace.ID, Roots: grow(trace.Spans), named: map[string]*Node{}}
	var end time.Time
	for i, span := range trace.Spans {
		busy := span.Busy()
		if i == 0 || busy.Start.Before(s.Start) {
			s.Start = busy.Start
		}
		if i == 0 || busy.End.After(end) {
			end = busy.End
		}
	}
	s.Total = end.Sub(s.Start)
	Walk(s.Roots, func(n *Node) {
		n.Wait = waitBefore(n)
		s.named[n.ID] = n
	})
	return s
}

// Node returns the node of a span, if it is in this trace.
func (s *Story) Node(id string) (*Node, bool) {
	n, ok := s.named[id]
	return n, ok
}

// Walk calls visit with each node, parents first. It does not recurse: a trace may be deep.
func Walk(roots []*Node, visit func(*Node)) {
	stack := slices.Clone(roots)
	slices.Reverse(stack)
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		visit(n)
		for _, child := range slices.Backward(n.Children) {
			stack = append(stack, child)
		}
	}
}

// grow returns the roots of the trace, siblings by their start. Every span is
// in the tree once, whatever the spans claim about their parents. Attempts that
// left no span are in it as well.
func grow(spans []Span) []*Node {
	nodes := make([]*Node, 0, len(spans))
	byID := make(map[string]*Node, len(spans))
	for _, s := range spans {
		n := &Node{Span: s}
		nodes = append(nodes, n)
		byID[s.ID] = n
	}
	slices.SortStableFunc(nodes, byStart)

	var roots []*Node
	for _, n := range nodes {
		parent := byID[n.Span.Parent]
		switch {
		case n.Span.Parent == "":
			roots = append(roots, n)
		case parent == nil:
			n.Orphan = true
			roots = append(roots, n)
		default:
			n.Parent = parent
			parent.Children = append(parent.Children, n)
		}
	}
	roots = append(roots, breakCycles(nodes, roots)...)
	return retell(nodes, roots)
}

// breakCycles makes roots of spans that are each other's ancestors, so that
// nothing a back end answers is left out or drawn for ever.
func breakCycles(nodes, roots []*Node) (cut []*Node) {
	reached := make(map[*Node]bool, len(nodes))
	reach := func(n *Node) { Walk([]*Node{n}, func(n *Node) { reached[n] = true }) }
	for _, root := range roots {
		reach(root)
	}
	for _, n := range nodes {
		if reached[n] {
			continue
		}
		n.Parent.Children = slices.DeleteFunc(n.Parent.Children, func(child *Node) bool { return child == n })
		n.Parent, n.Orphan = nil, true
		cut = append(cut, n)
		reach(n)
	}
	return cut
}

func byStart(a, b *Node) int {
	return cmp.Or(
		a.Start.Compare(b.Start),
		b.End.Compare(a.End), // of two that start together, the longer holds the other
		cmp.Compare(a.ID, b.ID),
	)
}
