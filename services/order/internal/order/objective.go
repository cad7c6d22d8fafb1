package order

import "time"

// Objective is the time within which an accepted order should be confirmed or rejected.
const Objective = 5 * time.Second

// A Verdict says whether an order met the objective. It never changes once it is decided.
type Verdict string

// An order is undecided until it leaves pending, or has been pending for longer than the objective. Then it is bad.
const (
	Undecided Verdict = ""
	Good      Verdict = "good"
	Bad       Verdict = "bad"
	None      Verdict = "none" // does not count
)

// InTime returns the verdict of an order that leaves pending for s within the objective.
func (s Status) InTime() Verdict {
	if s == Cancelled {
		return None // nobody waits for it any more
	}
	return Good
}
