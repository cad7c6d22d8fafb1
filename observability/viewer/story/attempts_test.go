package story_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/viewer/story"
	"example.com/clew/observability/viewer/story/storytest"
)

func TestAttemptsAreNumbered(t *testing.T) {
	by := func(consumer string) func(*story.Span) { return storytest.With("messaging.client.id", consumer) }
	for name, test := range map[string]struct {
		tell func(s *storytest.Trace, created string)
		want []string // rows, without the request's
	}{
		"a single one is not": {func(s *storytest.Trace, created string) {
			s.Attempt(created, 5_000, 6_000, storytest.Attempted(1, "ack"))
		}, []string{"process orders"}},
		"by their start": {func(s *storytest.Trace, created string) {
			s.Attempt(created, 8_000, 9_000, storytest.Attempted(2, "ack"))
			s.Attempt(created, 5_000, 6_000, storytest.Attempted(1, "retry"))
		}, []string{"process orders #1", "process orders #2"}},
		"by the delivery, where attempts are missing": {func(s *storytest.Trace, created string) {
			s.Attempt(created, 5_000, 6_000, storytest.Attempted(3, "ack"))
		}, []string{"process orders #3"}},
		"going on where a delivery was not spent, or deliveries began again": {func(s *storytest.Trace, created string) {
			s.Attempt(created, 5_000, 6_000, storytest.Attempted(1, "unavailable"))
			s.Attempt(created, 7_000, 8_000, storytest.Attempted(1, "dead_letter"))
			s.Attempt(created, 9_000, 10_000, storytest.Attempted(1, "ack"))
		}, []string{"process orders #1", "process orders #2", "process orders #3"}},
		"each group's and each message's for itself": {func(s *storytest.Trace, created string) {
			s.Attempt(created, 5_000, 6_000, storytest.Attempted(1, "ack"))
			s.Attempt(created, 5_500, 6_000, storytest.Attempted(1, "ack"), storytest.With("messaging.consumer.group.name", "audit"))
			s.Attempt(created, 6_000, 7_000, storytest.Attempted(1, "ack"), storytest.With("messaging.message.id", "other"))
		}, []string{"process orders", "process orders", "process orders"}},
		"with the one that was killed before the one that took over": {func(s *storytest.Trace, created string) {
			s.Attempt(created, 5_000, 6_000, storytest.Attempted(1, "retry"))
			s.Attempt(created, 90_000, 91_000, storytest.Attempted(3, "ack"), storytest.TookOver("inventory-1-1", 2, 10_000))
		}, []string{"process orders #1", "process orders #2 killed", "process orders #3"}},
		"not inventing one of a consumer that lived on and told of it": {func(s *storytest.Trace, created string) {
			s.Attempt(created, 5_000, 99_000, storytest.Attempted(1, "duplicate"), by("inventory-1-1"))
			s.Attempt(created, 90_000, 91_000, storytest.Attempted(2, "ack"), by("inventory-2-2"), storytest.TookOver("inventory-1-1", 1, 10_000))
		}, []string{"process orders #1", "process orders #2"}},
		"nor one that was last seen later than that": {func(s *storytest.Trace, created string) {
			s.Attempt(created, 5_000, 6_000, storytest.Attempted(1, "ack"), storytest.TookOver("inventory-1-1", 0, 10_000))
		}, []string{"process orders"}},
		"nor from an event that does not say when": {func(s *storytest.Trace, created string) {
			s.Attempt(created, 5_000, 6_000, storytest.Attempted(1, "ack"), func(s *story.Span) {
				s.Events = append(s.Events, story.Event{Name: "takeover"})
			})
		}, []string{"process orders"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, created := storytest.StartedOrder()
			test.tell(s, created)
			var got []string
			for _, n := range story.Tell(s.Trace).Roots[0].Children[0].Children[3:] { // after two statements and the sending
				label := n.Name
				if n.Attempt > 0 {
					label += fmt.Sprint(" #", n.Attempt)
				}
				if n.Killed {
					label += " killed"
				}
				got = append(got, label)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("attempts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAKilledAttemptOfATraceOfItsOwnIsARoot(t *testing.T) {
	s := storytest.New()
	s.Attempt("", 90_000, 91_000, storytest.Attempted(2, "ack"), storytest.TookOver("inventory-1-1", 1, 10_000))
	roots := story.Tell(s.Trace).Roots
	if len(roots) != 2 || !roots[0].Killed || roots[0].Attempt != 1 || roots[1].Attempt != 2 {
		t.Errorf("roots %+v, want the killed attempt before the one that took over", roots)
	}
}
