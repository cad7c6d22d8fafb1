package follow

import (
	"hash/maphash"
	"sync"
	"time"

	"example.com/clew/loadtest/internal/result"
)

const (
	// remembered is the number of ended orders that are kept, because an order may be confirmed a second time. At 1000 orders
	// a second these are the last two minutes: long enough for five deliveries of a message.
	remembered = 1 << 17

	// strangerFor is the longest time for which events of an unknown order are kept; the shortest is half of it.
	strangerFor = 2 * time.Minute
)

// What an event says about an order.
type kind uint8

const (
	published kind = iota
	reserved
	confirmed
	rejected
	cancelled
	gaveUp      // a dead letter
	gaveUpOrder // a dead letter of what the order cannot be decided without
)

type event struct {
	kind   kind
	order  string
	id     string
	units  int64  // reserved
	reason string // of a dead letter
	at     time.Time
}

// record has the known facts of one order. Ids of events are kept as hashes, 0 before the event.
type record struct {
	order *Order // from when it is accepted until it ends

	decision, cancellation, reservation uint64
	reserved                            int64
	status                              string // how it ended
	reason                              string // of its last dead letter
	at                                  time.Time
	published, refused, twice           bool

	// These are copied from the order when it is accepted, and kept after its end.
	accepted bool
	units    int64
	sku      string
}

// note adds an event. The same one again changes nothing.
func (r *record) note(e event, id uint64) {
	switch e.kind {
	case published:
		r.published = true
	case reserved:
		if r.reservation != id {
			r.reserved += e.units
		}
		if r.reservation == 0 {
			r.reservation = id
		}
	case confirmed:
		r.once(&r.decision, id)
		r.end(Confirmed, e.at)
	case rejected:
		r.once(&r.decision, id)
		r.refused = true
		r.end(Rejected, e.at)
	case cancelled:
		r.once(&r.cancellation, id)
		r.end(Cancelled, e.at)
	case gaveUp:
		r.reason = e.reason
	case gaveUpOrder:
		r.reason = e.reason
		r.end(DeadLettered, e.at)
	}
}

func (r *record) once(seen *uint64, id uint64) {
	if *seen == 0 {
		*seen = id
	}
	r.twice = r.twice || *seen != id
}

// end keeps the first end, and replaces only a dead letter.
func (r *record) end(status string, at time.Time) {
	if r.status == "" || r.status == DeadLettered && status != DeadLettered {
		r.status, r.at = status, at
	}
}

// ledger matches events and accepted orders. Its size is bounded by the orders under way, those remembered, and those that others
// place in two minutes.
type ledger struct {
	onEnd func(End)
	seed  maphash.Seed

	mu        sync.Mutex
	orders    map[string]*record
	open      int       // accepted, without an end
	moved     time.Time // time of the last event of an accepted order
	ended     []string  // a ring of those remembered
	oldest    int       // in the ring, once it is full
	strangers [2][]string
	turned    time.Time // when the second of them became the first
	judge     judge
}

func newLedger(onEnd func(End)) *ledger {
	now := time.Now()
	return &ledger{
		onEnd: onEnd, seed: maphash.MakeSeed(), orders: map[string]*record{}, moved: now, turned: now,
		judge: judge{totals: result.Totals{DeadLettered: map[string]int{}}},
	}
}

func (l *ledger) note(e event) {
	if e.order == "" {
		return
	}
	id := max(1, maphash.String(l.seed, e.id))
	l.mu.Lock()
	r := l.orders[e.order]
	if r == nil {
		l.forgetStrangers(e.at)
		r = &record{}
		l.orders[e.order] = r
		l.strangers[1] = append(l.strangers[1], e.order)
	}
	r.note(e, id)
	if r.accepted {
		l.moved = e.at
	}
	end := l.ends(r)
	l.mu.Unlock()
	l.tell(end)
}

func (l *ledger) accept(order Order) {
	l.mu.Lock()
	r := l.orders[order.ID]
	if r == nil {
		r = &record{}
		l.orders[order.ID] = r
	}
	var end *End
	if !r.accepted {
		r.order, r.accepted, r.units, r.sku = &order, true, order.Units, order.SKU
		l.open++
		l.moved = time.Now()
		end = l.ends(r)
	}
	l.mu.Unlock()
	l.tell(end)
}

// ends returns the end of an accepted order that has just ended, otherwise nil.
func (l *ledger) ends(r *record) *End {
	if r.order == nil || r.status == "" {
		return nil
	}
	end := &End{*r.order, r.status, r.at}
	r.order = nil
	l.open--
	if len(l.ended) < remembered {
		l.ended = append(l.ended, end.ID)
		return end
	}
	forgotten := l.ended[l.oldest]
	l.ended[l.oldest] = end.ID
	l.oldest = (l.oldest + 1) % remembered
	l.judge.ended(forgotten, l.orders[forgotten])
	delete(l.orders, forgotten)
	return end
}

func (l *ledger) tell(end *End) {
	if end != nil && l.onEnd != nil {
		l.onEnd(*end)
	}
}

// forgetStrangers forgets orders that were not accepted meanwhile: they are somebody else's.
func (l *ledger) forgetStrangers(now time.Time) {
	if now.Sub(l.turned) < strangerFor/2 {
		return
	}
	for _, id := range l.strangers[0] {
		if r := l.orders[id]; r != nil && !r.accepted {
			delete(l.orders, id)
		}
	}
	l.strangers[0], l.strangers[1], l.turned = l.strangers[1], l.strangers[0][:0], now
}

// outstanding returns the number of accepted orders without an end, and the time of the last event of one.
func (l *ledger) outstanding() (open int, moved time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open, l.moved
}

// interrupt notes that entries may have been missed: Redis was away, and may have lost the last of them.
func (l *ledger) interrupt() {
	l.mu.Lock()
	l.judge.interrupted = true
	l.mu.Unlock()
}

// poisonFixed notes that orders of test-poison may succeed.
func (l *ledger) poisonFixed() {
	l.mu.Lock()
	l.judge.poisonFixed = true
	l.mu.Unlock()
}

// account judges all remaining orders. Those without an end get the given status.
func (l *ledger) account(status string, totals *result.Totals) {
	now := time.Now()
	l.mu.Lock()
	var ends []*End
	for id, r := range l.orders {
		switch {
		case r.order != nil:
			ends = append(ends, &End{*r.order, status, now})
			l.judge.missing(r, status)
		case r.accepted:
			l.judge.ended(id, r)
		}
	}
	l.judge.fill(totals)
	l.mu.Unlock()
	for _, end := range ends {
		l.tell(end)
	}
}
