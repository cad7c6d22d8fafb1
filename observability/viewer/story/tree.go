package story

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A Story is a trace as a tree.
type Story struct {
	Trace
	Start time.Time     // of the first span
	Total time.Duration // until the end of the last
	Scale Scale         // how to draw that time
	Roots []*Node       // by their start, as are siblings everywhere; see Root
	named map[string]*Node
}

// A Node is a span with its place in the tree.
type Node struct {
	Span     // of several with one id, all but one get another
	Parent   *Node
	Children []*Node
	Orphan   bool   // it names a parent, but the trace does not hold it
	Attempt  int    // at its message, from 1; 0 for the only one, and for a span that is no attempt
	Killed   bool   // an attempt without a span: the next attempt tells of it
	Waits    []Wait // of its message, the last of them up to its start

	givenUp time.Time // the end of the move to the dead letters that its message was redriven from, if it is the first attempt since

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
	of := messages{}
	Walk(s.Roots, func(n *Node) {
		n.setWaits(of)
		s.named[n.ID] = n
		if busy := n.Busy(); busy.End.After(end) {
			end = busy.End
		}
	})
	s.Total = end.Sub(s.Start)
	s.Scale = s.scale()
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

// Root is the span that names the story: the first without a parent, else the first of which the parent is not here, nil
// without spans. It is not always the one that starts first, because clocks differ.
func (s *Story) Root() *Node { return rootOf(s.Roots) }

func rootOf(roots []*Node) *Node {
	if i := slices.IndexFunc(roots, func(n *Node) bool { return n.Span.Parent == "" }); i >= 0 {
		return roots[i]
	}
	if len(roots) > 0 {
		return roots[0]
	}
	return nil
}

// grow returns the roots of the tree, siblings by their start. A span that does not say when it started is drawn at the
// start of the trace.
func grow(spans []Span, start time.Time) []*Node {
	nodes := make([]*Node, 0, len(spans))
	for _, s := range spans {
		n := &Node{Span: s}
		if !n.hasStart() {
			n.Start, n.End = start, start
		}
		nodes = append(nodes, n)
	}
	slices.SortStableFunc(nodes, byStart)
	callers, byID := findNodes(nodes)

	var roots []*Node
	for _, n := range nodes {
		parent := byID[n.Span.Parent]
		caller := callers[n.ID]
		switch {
		case caller != nil && !n.calls():
			n.Parent = caller
			caller.Children = append(caller.Children, n)
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
	renameOthers(nodes, byID)
	return retell(nodes, roots)
}

// findNodes finds nodes by the ids of their spans. Zipkin's servers name their span as their client did: of two such nodes,
// the client's is the caller, and children and links belong to the server's.
func findNodes(nodes []*Node) (callers, byID map[string]*Node) {
	callers, byID = map[string]*Node{}, make(map[string]*Node, len(nodes))
	for _, n := range nodes {
		if n.calls() && callers[n.ID] == nil {
			callers[n.ID] = n
		}
		if other := byID[n.ID]; other == nil || other.calls() || !n.calls() {
			byID[n.ID] = n
		}
	}
	return callers, byID
}

// renameOthers gives nodes ids of their own, where a span has the id of another.
func renameOthers(nodes []*Node, byID map[string]*Node) {
	others := map[string]int{}
	for _, n := range nodes {
		if id := n.ID; byID[id] != n {
			others[id]++
			n.ID = fmt.Sprintf("%s-%d", id, others[id]+1)
		}
	}
}

func (s Span) calls() bool { return s.Kind == KindClient || s.Kind == KindProducer }

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
