package story

import (
	"slices"
	"time"
)

// A Scale is the time axis of a drawing, as stretches that follow each other. A gap, in which no span worked, is folded if it
// is longer than all the rest together: the redrive of a message days later would leave no room for what happened.
type Scale []Stretch

// A Stretch is a part of a story's time. It is folded if it is drawn shorter than it was.
type Stretch struct {
	From  time.Duration `json:"from"` // since the start of the story
	To    time.Duration `json:"to"`
	Drawn time.Duration `json:"drawn"`
}

// Folded reports whether the stretch is drawn shorter than it was.
func (s Stretch) Folded() bool { return s.Drawn < s.To-s.From }

// Drawn is the length of the whole axis.
func (s Scale) Drawn() (sum time.Duration) {
	for _, stretch := range s {
		sum += stretch.Drawn
	}
	return sum
}

// Place returns where a time since the start of the story stands on the axis, from 0 to Drawn.
func (s Scale) Place(since time.Duration) (at time.Duration) {
	for _, stretch := range s {
		if since < stretch.To {
			part := max(0, since-stretch.From)
			if stretch.Folded() {
				part = time.Duration(float64(part) / float64(stretch.To-stretch.From) * float64(stretch.Drawn))
			}
			return at + part
		}
		at += stretch.Drawn
	}
	return at
}

// leastFold is the shortest gap that is folded. Shorter ones tell more in their true proportions: the backoff between attempts
// grows, each longer than all before.
const leastFold = 10 * time.Second

// scale folds the longest gap as long as it is longer than the rest. All that are folded are drawn as long as the rest.
func (s *Story) scale() Scale {
	gaps := s.gaps()
	slices.SortStableFunc(gaps, func(a, b Stretch) int { return int(b.Drawn - a.Drawn) })
	rest, folds := s.Total, 0
	for _, gap := range gaps {
		if gap.Drawn < leastFold || gap.Drawn <= rest-gap.Drawn {
			break
		}
		rest -= gap.Drawn
		folds++
	}
	folded := gaps[:folds]
	slices.SortFunc(folded, func(a, b Stretch) int { return int(a.From - b.From) })

	var scale Scale
	var from time.Duration
	for _, gap := range folded {
		scale = append(scale, Stretch{from, gap.From, gap.From - from}, Stretch{gap.From, gap.To, rest / time.Duration(folds)})
		from = gap.To
	}
	return append(scale, Stretch{from, s.Total, s.Total - from})
}

// gaps returns the stretches between the start and the end in which no span worked.
func (s *Story) gaps() (gaps []Stretch) {
	var busy []Interval
	Walk(s.Roots, func(n *Node) { busy = append(busy, n.Busy()) })
	slices.SortFunc(busy, func(a, b Interval) int { return a.Start.Compare(b.Start) })
	until := s.Start
	for _, i := range busy {
		if length := i.Start.Sub(until); length > 0 {
			gaps = append(gaps, Stretch{s.Since(until), s.Since(i.Start), length})
		}
		until = later(until, i.End)
	}
	return gaps
}
