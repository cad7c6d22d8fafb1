package story

import (
	"cmp"
	"slices"
	"time"
)

// A Story is a trace as a tree.
type Story struct {
	Trace
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
	Attempt  int  // at its message, from 1; 0 for the only one, and for a span that is no attempt
	Killed   bool // an attempt without a span: the next attempt tells of it
	Wait     Wait // of its message, before it

	Targets    []Target // of Links, in their order
	LinkedFrom []*Node  // spans of this story that link to it

	Critical bool       // the end of the trace waited for it or for something beneath it
	Path     []Interval // when the end waited for the span itself, and for none of its children; the latest first
}

// Tell makes the model of a trace. Every span is in the tree once, whatever the spans claim about their parents, and so are
// attempts that left no span because their process was killed. The spans may be of several traces, those of an order.
func Tell(trace Trace) *Story {
	s := &Story{Trace: trace, Start: start(trace.Spans), named: map[string]*Node{}}
	s.Roots = grow(trace.Spans, s.Start)
	end := s.Start
	Walk(s.Roots, func(n *Node) {
		n.Wait = waitBefore(n)
		s.named[n.ID] = n
		if busy := n.Busy(); busy.End.After(end) {
			end = busy.End
		}
	})
	s.Total = end.Sub(s.Start)
	s.link()
	criticalPath(s.Roots)
	return s
}

// start is when the first span starts that says when it starts.
func start(spans []Span) (first time.Time) {
	for _, span := range spans {
		if span.hasStart() && (first.IsZero() || span.Start.Before(first)) {
			first = span.Start
		}
	}
	return first
}

// Since is the time from the start of the trace until t, never negative.
func (s *Story) Since(t time.Time) time.Duration { return max(0, t.Sub(s.Start)) }

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

// grow returns the roots of the tree, siblings by their start. A span that does not say when it started is drawn at the
// start of the trace.
func grow(spans []Span, start time.Time) []*Node {
	nodes := make([]*Node, 0, len(spans))
	byID := make(map[string]*Node, len(spans))
	for _, s := range spans {
		n := &Node{Span: s}
		if !n.hasStart() {
			n.Start, n.End = start, start
		}
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
