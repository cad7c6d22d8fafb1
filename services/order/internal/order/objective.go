package order

import "time"

// Objective is how soon after its acceptance an order should be confirmed or rejected.
const Objective = 5 * time.Second

// A Verdict is what an order counts as for the objective. There is one for each order: a later change of the order does
// not change it.
type Verdict string

// An order is undecided until it leaves pending, or has been pending for longer than the objective. Then it is bad.
const (
	Undecided Verdict = ""
	Good      Verdict = "good"
	Bad       Verdict = "bad"
	None      Verdict = "none" // does not count
)

// InTime returns what an order counts as that leaves pending for s within the objective.
func (s Status) InTime() Verdict {
	if s == Cancelled {
		return None // nobody waits for it any more
	}
	return Good
}
