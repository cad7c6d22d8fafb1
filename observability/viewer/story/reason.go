package story

import "cmp"

// A Reason is why a span failed, or what became of its message where that is not plain success.
type Reason struct {
	Failed     bool
	Kind, Text string // either may be empty, not both
}

// String is "kind: text", or the one that there is.
func (r Reason) String() string {
	if r.Kind == "" || r.Text == "" {
		return cmp.Or(r.Kind, r.Text)
	}
	return r.Kind + ": " + r.Text
}

// Reasons returns the reasons that a span tells: of the dead letter, of its outcome and error, and of exceptions that say
// more. Other events would bury the picture.
func (s Span) Reasons() []Reason {
	var reasons []Reason
	add := func(r Reason) {
		if r.String() != "" {
			reasons = append(reasons, r)
		}
	}
	outcome := s.Attributes.String(attributeOutcome)
	if outcome == "ack" {
		outcome = ""
	}
	add(Reason{Failed: true, Text: s.Attributes.String(attributeReason)})
	if s.Error {
		failure := Reason{Kind: s.Attributes.String("error.type"), Text: s.StatusMessage}
		add(Reason{true, outcome, failure.String()})
	} else {
		add(Reason{Text: outcome})
	}
	for _, e := range s.Events {
		message := e.Attributes.String("exception.message")
		if e.Name != "exception" || s.Error && message == s.StatusMessage {
			continue // the latter is said above
		}
		add(Reason{true, cmp.Or(e.Attributes.String("exception.type"), e.Name), message})
	}
	return reasons
}
