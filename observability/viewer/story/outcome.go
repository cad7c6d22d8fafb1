package story

// The outcomes of a trace.
const (
	OutcomeFailed  = "failed"  // something failed for good: a dead letter, a last attempt, or work that nothing repeats
	OutcomeRetried = "retried" // attempts failed or were killed, and a later one succeeded
)

// Outcome returns how the trace ended, "" if nothing in it failed.
func (s *Story) Outcome() string {
	last := map[string]*Node{} // of the attempts at each message and its dead letters
	Walk(s.Roots, func(n *Node) {
		if key := n.messageOfGroup(); key != "" && (last[key] == nil || n.Start.After(last[key].Start)) {
			last[key] = n
		}
	})
	outcome := ""
	Walk(s.Roots, func(n *Node) {
		switch {
		case last[n.messageOfGroup()] == n && n.isDeadLetter():
			outcome = OutcomeFailed
		case !n.Error && !n.Killed, outcome == OutcomeFailed:
		case n.isRepeated(last):
			outcome = OutcomeRetried
		default:
			outcome = OutcomeFailed
		}
	})
	return outcome
}

// isRepeated reports whether the node is, or is part of, an attempt after which there was another one.
func (n *Node) isRepeated(last map[string]*Node) bool {
	for ; n != nil; n = n.Parent {
		if key := n.messageOfGroup(); key != "" && last[key] != n {
			return true
		}
	}
	return false
}

// messageOfGroup tells attempts and dead letters of one message and group from others; "" is anything else.
func (n *Node) messageOfGroup() string {
	if n.message() == "" || !n.isAttempt() && !n.isDeadLetter() {
		return ""
	}
	return n.message() + " " + n.Attributes.String(attributeGroup)
}
