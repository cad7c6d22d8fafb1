package browsertest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/viewer/page/pagetest"
	"example.com/clew/observability/viewer/story"
)

// stations returns each station of the journey that was reached: what it is, its title, and how it stands.
const stations = `[...document.querySelectorAll('[data-station]:not(.later)')].map(s =>
	s.querySelector('h3').firstChild.textContent + ' ' + s.dataset.state)`

func TestAJourneyShowsEachStationThatAnOrderPassed(t *testing.T) {
	request := []string{"HTTP done", "Database done", "Outbox done", "Stream orders done"}
	passedOn := []string{"Database done", "Outbox done", "Stream stock done"}
	answered := []string{"Processed done", "Database done", "Outbox done", "Stream orders done"}
	for kind, test := range map[string]struct {
		status  string
		taken   []string // by inventory
		verdict string
	}{
		"plain": {"confirmed", slices.Concat([]string{"Processed done"}, passedOn, answered), "Confirmed after"},
		"flaky": {"confirmed", slices.Concat([]string{"Attempt 1 failed", "Attempt 2 failed", "Attempt 3 done"}, passedOn, answered), "Confirmed after"},
		//nolint:dupword // a title, and how it stands
		"crash": {"confirmed", slices.Concat([]string{"Attempt 1: killed killed", "Attempt 2 done"}, passedOn, answered), "Confirmed after"},
		"off":   {"confirmed", slices.Concat([]string{"Processed done"}, passedOn, answered), "Confirmed after"},
		"link":  {"confirmed", slices.Concat([]string{"Processed done"}, passedOn, answered), "Confirmed after"},
		"invalid": {"pending", []string{"Attempt 1 failed", "Dead letter failed", "Redrive done", "Attempt 2 failed", "Dead letter failed"},
			"Dead-lettered after one attempt (permanent)"},
	} {
		t.Run(kind, func(t *testing.T) {
			s := newStage(t)
			told := s.record(kind)
			s.set("/api/orders", list(told.asOrder("lamp", test.status)))
			p := s.open("/?order=" + told.order)
			p.UntilText(test.verdict)
			if diff := cmp.Diff(slices.Concat(request, test.taken), pagetest.Eval[[]string](p, stations)); diff != "" {
				t.Errorf("stations (-want +got):\n%s", diff)
			}
			hrefs := pagetest.Eval[[]string](p, "[...document.querySelectorAll('[data-station] h3 a')].map(a => a.getAttribute('href'))")
			for _, href := range hrefs {
				if !strings.HasPrefix(href, "/traces/") || !strings.Contains(href, "?span=") {
					t.Errorf("a station leads to %s, want a span", href)
				}
			}
		})
	}
}

func TestATraceThatBreaksSaysSoAndLeadsToTheOthers(t *testing.T) {
	for kind, says := range map[string]string{
		"off":  "The trace breaks here. The message carried no traceparent",
		"link": "A trace of its own begins here. The message carried its traceparent",
	} {
		t.Run(kind, func(t *testing.T) {
			s := newStage(t)
			told := s.record(kind)
			s.set("/api/orders", list(told.asOrder("lamp", "confirmed")))
			p := s.open("/?order=" + told.order)
			p.UntilText("3 traces tell of this order")
			notes := p.Texts(".broken")
			if len(notes) != 2 || !strings.HasPrefix(notes[0], says) || !strings.HasPrefix(notes[1], says) {
				t.Errorf("says %q, want twice %q", notes, says)
			}
			links := pagetest.Eval[[]string](p, "[...document.querySelectorAll('.broken a')].map(a => a.getAttribute('href'))")
			placed, answered, processed := told.traces[0].id, told.traces[1].id, told.traces[2].id
			want := []string{
				"/traces/" + processed, "/compare?a=" + placed + "&b=" + processed,
				"/traces/" + answered, "/compare?a=" + processed + "&b=" + answered,
			}
			if diff := cmp.Diff(want, links); diff != "" {
				t.Errorf("links (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAJourneyLightsUpAsItHappens(t *testing.T) {
	s, told := newStage(t), recorded(t, "plain")
	s.set("/api/orders", list(told.asOrder("lamp", "pending")))
	p := s.open("/?order=" + told.order)
	p.UntilText("No span of this order is here")
	s.keep(told.traces...)
	s.set("/api/orders", list(told.asOrder("lamp", "confirmed")))
	s.event("traces", object{"ids": []string{told.traces[0].id}})
	p.UntilText("Confirmed after")
	p.Until("document.querySelectorAll('.station.done').length === 12")
}

func TestWhatHasNoSpanYetIsToldByThePendingList(t *testing.T) {
	held := story.Pending{
		Stream: "orders", Group: "inventory", Type: "order.created.v1", Consumer: "inventory-1-7", Deliveries: 1, MostDeliveries: 5,
	}
	s, told := newStage(t), recorded(t, "invalid") // of which only the request is there yet
	for span := range told.traces[0].all() {
		if strings.HasPrefix(span.GetName(), "process") || strings.HasPrefix(span.GetName(), "dead_letter") {
			span.Attributes = nil
		}
	}
	s.keep(told.traces[0])
	s.set("/api/orders", list(told.asOrder("test-slow", "pending")))
	p := s.open("/?order=" + told.order)
	p.UntilText("The message waits in the stream orders until a consumer of inventory fetches it")
	s.hold(held)
	p.UntilText("inventory works on it: attempt 1 of 5")
	held.Queued = true
	s.hold(held)
	p.UntilText("inventory has the message with many others, more than it works on at once")
	held.Silent, held.Idle = true, 2.5
	s.hold(held)
	p.UntilText("inventory-1-7 was not heard of for 2.5 s")
	s.hold(story.Pending{
		Stream: "orders", Group: "inventory", Type: "order.created.v1", Consumer: "retry", Retry: true, Deliveries: 2, Due: 0.5,
	})
	p.UntilText("Attempt 2 of 5 failed. The message waits in the pending list of orders for the next, due in about 500 ms")
}

func TestAnEntryIsShownWithItsTraceparentMarked(t *testing.T) {
	s := newStage(t)
	told := s.record("plain")
	s.set("/api/orders", list(told.asOrder("lamp", "confirmed")))
	p := s.open("/?order=" + told.order)
	p.Until("document.querySelectorAll('[data-station=stream] button').length === 3")
	entry := strings.TrimPrefix(p.Texts("[data-station=stream] button")[0], "Entry ")
	s.set("/api/streams/orders/0/entries/"+entry, object{"id": entry, "key": "orders:{0}", "fields": [][2]string{
		{"specversion", "1.0"}, {"traceparent", "00-" + told.traces[0].id + "-00f067aa0ba902b7-01"}, {"data", hostile},
	}})
	p.Click("[data-station=stream] button")
	p.UntilText("traceparent is the thread")
	if got := p.Texts(".fields .marked th"); !slices.Equal(got, []string{"traceparent"}) {
		t.Errorf("marked %q, want the traceparent", got)
	}
	p.Until("document.querySelector('.entry a').getAttribute('href') === '/traces/" + told.traces[0].id + "'")
	if n := pagetest.Eval[int](p, "document.querySelectorAll('.entry img, .entry script').length"); n != 0 {
		t.Errorf("%d elements came out of a payload", n)
	}
}
