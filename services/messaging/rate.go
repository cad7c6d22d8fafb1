package messaging

import "time"

// A rate counts occurrences in a second.
type rate struct {
	from         time.Time // of the present second
	now, earlier int       // counts of the present second and of the one before
}

func (r *rate) add(now time.Time) {
	r.perSecond(now)
	r.now++
}

// perSecond returns the larger of the two counts, because the present second is not over.
func (r *rate) perSecond(now time.Time) int {
	if age := now.Sub(r.from); age >= 2*time.Second {
		*r = rate{from: now}
	} else if age >= time.Second {
		*r = rate{from: r.from.Add(time.Second), earlier: r.now}
	}
	return max(r.now, r.earlier)
}
