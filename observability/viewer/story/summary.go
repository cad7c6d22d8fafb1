package story

import (
	"slices"
	"time"
)

// A Summary counts the contents of a story.
type Summary struct {
	Spans    int
	Services []string // by their first span
	Errors   int      // failed spans
	Attempts int      // at the message that needed most
	Waits    map[string]time.Duration
	Links    int
}

// Summary counts.
func (s *Story) Summary() Summary {
	sum := Summary{Spans: len(s.Spans), Waits: map[string]time.Duration{}}
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
	})
	return sum
}
