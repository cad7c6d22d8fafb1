package story

// A Target is where a link leads.
type Target struct {
	Node     *Node // nil if the span is not in this story
	Inside   bool  // the link names no other trace
	ToParent bool  // it leads to the span's parent, where its message was created
}

// link finds where the links lead; the spans at their other ends know of them, too.
func (s *Story) link() {
	Walk(s.Roots, func(n *Node) {
		for _, l := range n.Links {
			t := Target{Inside: l.TraceID == "" || l.TraceID == s.ID}
			t.ToParent = t.Inside && l.SpanID != "" && l.SpanID == n.Span.Parent
			if other := s.named[l.SpanID]; other != nil && (t.Inside || l.TraceID == other.TraceID) {
				t.Node = other
				other.LinkedFrom = append(other.LinkedFrom, n)
			}
			n.Targets = append(n.Targets, t)
		}
	})
}

// LinksTo returns the links of a trace that lead to a span of the trace with this id.
func (t Trace) LinksTo(traceID string) (links []LinkFrom) {
	for _, span := range t.Spans {
		for _, l := range span.Links {
			if l.TraceID == traceID {
				links = append(links, LinkFrom{Name: span.Name, From: span.ID, To: l.SpanID})
			}
		}
	}
	return links
}

// A LinkFrom is a link from one trace to another, seen from its end.
type LinkFrom struct {
	Name string `json:"name"` // of the span that links
	From string `json:"from"` // its id
	To   string `json:"to"`   // the id of the span that it links to
}
