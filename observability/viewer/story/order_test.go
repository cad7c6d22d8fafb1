package story_test

import (
	"slices"
	"testing"

	"example.com/clew/observability/viewer/story"
	"example.com/clew/observability/viewer/story/storytest"
)

func TestAnOrderIsWholeBrokenOrLinked(t *testing.T) {
	alone := storytest.New()
	alone.Add("", "inventory", story.KindConsumer, "process orders", 0, 1, storytest.With("messaging.message.conversation_id", "o-1"))
	links := storytest.New()
	links.Add("", "inventory", story.KindConsumer, "process orders", 0, 1, storytest.LinkTo(storytest.OtherID, ""))
	for name, test := range map[string]struct {
		order                 story.Order
		whole, broken, linked bool
	}{
		"in its request's trace":          {story.Order{Trace: alone.Trace, Accepted: storytest.ID}, true, false, false},
		"in another":                      {story.Order{Trace: alone.Trace, Accepted: storytest.OtherID}, false, true, false},
		"in another that links":           {story.Order{Trace: links.Trace, Accepted: storytest.OtherID}, false, false, true},
		"in its own, and links elsewhere": {story.Order{Trace: links.Trace, Accepted: storytest.ID}, true, false, false},
	} {
		o := test.order
		if o.Whole() != test.whole || o.Broken() != test.broken || o.Linked() != test.linked {
			t.Errorf("%s: whole %v, broken %v, linked %v", name, o.Whole(), o.Broken(), o.Linked())
		}
	}
	if ids := alone.Orders(); !slices.Equal(ids, []string{"o-1"}) {
		t.Errorf("it tells of %q", ids)
	}
}

func TestWhatBecameOfAnOrder(t *testing.T) {
	for name, test := range map[string]struct {
		trace       story.Trace
		takenOver   bool
		deadLetters int
		succeeded   bool
	}{
		"confirmed at once":    {storytest.ConfirmedOrder(), false, 0, false}, // no attempt of it tells an outcome
		"after a killed one":   {storytest.TakenOver(), true, 0, true},
		"after a dead letter":  {storytest.Redriven(), false, 1, true},
		"nothing is known yet": {story.Trace{}, false, 0, false},
	} {
		got := test.trace
		if got.TakenOver() != test.takenOver || got.DeadLetters() != test.deadLetters || got.SucceededInTheEnd() != test.succeeded {
			t.Errorf("%s: taken over %v, %d dead letters, succeeded %v", name, got.TakenOver(), got.DeadLetters(), got.SucceededInTheEnd())
		}
	}
}
