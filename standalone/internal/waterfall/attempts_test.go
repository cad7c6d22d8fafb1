package waterfall

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/standalone/internal/traceapi"
)

func TestAttemptsAreNumbered(t *testing.T) {
	by := func(consumer string) func(*traceapi.Span) { return with("messaging.client.id", consumer) }
	for name, test := range map[string]struct {
		tell func(s *story, created string)
		want []string // rows, without the request's
	}{
		"a single one is not": {func(s *story, created string) {
			s.attempt(created, 5_000, 6_000, attempted(1, "ack"))
		}, []string{"process orders"}},
		"by their start": {func(s *story, created string) {
			s.attempt(created, 8_000, 9_000, attempted(2, "ack"))
			s.attempt(created, 5_000, 6_000, attempted(1, "retry"))
		}, []string{"process orders #1", "process orders #2"}},
		"by the delivery, where attempts are missing": {func(s *story, created string) {
			s.attempt(created, 5_000, 6_000, attempted(3, "ack"))
		}, []string{"process orders #3"}},
		"going on where a delivery was not spent, or deliveries began again": {func(s *story, created string) {
			s.attempt(created, 5_000, 6_000, attempted(1, "unavailable"))
			s.attempt(created, 7_000, 8_000, attempted(1, "dead_letter"))
			s.attempt(created, 9_000, 10_000, attempted(1, "ack"))
		}, []string{"process orders #1", "process orders #2", "process orders #3"}},
		"each group's and each message's for itself": {func(s *story, created string) {
			s.attempt(created, 5_000, 6_000, attempted(1, "ack"))
			s.attempt(created, 5_500, 6_000, attempted(1, "ack"), with("messaging.consumer.group.name", "audit"))
			s.attempt(created, 6_000, 7_000, attempted(1, "ack"), with("messaging.message.id", "other"))
		}, []string{"process orders", "process orders", "process orders"}},
		"with the one that was killed before the one that took over": {func(s *story, created string) {
			s.attempt(created, 5_000, 6_000, attempted(1, "retry"))
			s.attempt(created, 90_000, 91_000, attempted(3, "ack"), tookOver("inventory-1-1", 2, 10_000))
		}, []string{"process orders #1", "process orders #2 killed", "process orders #3"}},
		"not inventing one of a consumer that lived on and told of it": {func(s *story, created string) {
			s.attempt(created, 5_000, 99_000, attempted(1, "duplicate"), by("inventory-1-1"))
			s.attempt(created, 90_000, 91_000, attempted(2, "ack"), by("inventory-2-2"), tookOver("inventory-1-1", 1, 10_000))
		}, []string{"process orders #1", "process orders #2"}},
		"nor one that was last seen later than that": {func(s *story, created string) {
			s.attempt(created, 5_000, 6_000, attempted(1, "ack"), tookOver("inventory-1-1", 0, 10_000))
		}, []string{"process orders"}},
		"nor from an event that does not say when": {func(s *story, created string) {
			s.attempt(created, 5_000, 6_000, attempted(1, "ack"), func(s *traceapi.Span) {
				s.Events = append(s.Events, traceapi.Event{Name: "takeover"})
			})
		}, []string{"process orders"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, created := startedOrder()
			test.tell(s, created)
			b := newBuilder(s.trace, false)
			var got []string
			for _, n := range b.roots[0].children[0].children[3:] { // after two statements and the sending
				label := b.names[n.ID]
				if n.killed {
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
	s := newStory()
	s.attempt("", 90_000, 91_000, attempted(2, "ack"), tookOver("inventory-1-1", 1, 10_000))
	roots := newBuilder(s.trace, false).roots
	if len(roots) != 2 || !roots[0].killed || roots[0].attempt != 1 || roots[1].attempt != 2 {
		t.Errorf("roots %+v, want the killed attempt before the one that took over", roots)
	}
}
