package story

import (
	"slices"
	"time"
)

// A Summary counts the contents of a story, and says how it ended.
type Summary struct {
	Spans    int                      `json:"spans"`
	Services []string                 `json:"services"` // by their first span
	Errors   int                      `json:"errors"`   // failed spans
	Attempts int                      `json:"attempts"` // at the message that needed most
	Waits    map[string]time.Duration `json:"waits"`    // by place
	Links    int                      `json:"links"`
	Event    string                   `json:"event"` // the type of the event that was made last: where the story has got to
	Outcome  string                   `json:"outcome"`
}

// Summary counts.
func (s *Story) Summary() Summary {
	sum := Summary{Spans: len(s.Spans), Waits: map[string]time.Duration{}, Outcome: s.Outcome()}
	var last time.Time
	Walk(s.Roots, func(n *Node) {
		if !slices.Contains(sum.Services, n.Service) {
			sum.Services = append(sum.Services, n.Service)
		}
		if n.Error {
			sum.Errors++
		}
		if n.isAttempt() {
			sum.Attempts = max(sum.Attempts, n.Attempt, 1)
		}
		for _, w := range n.Waits {
			sum.Waits[w.Place] += w.Length
		}
		sum.Links += len(n.Links)
		if event := n.Attributes.String(attributeEventType); n.Kind == KindProducer && event != "" && n.Start.After(last) {
			sum.Event, last = event, n.Start
		}
	})
	return sum
}
