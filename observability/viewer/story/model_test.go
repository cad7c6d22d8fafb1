package story_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/viewer/story"
	"example.com/clew/observability/viewer/story/storytest"
)

func recorded(t *testing.T, kind string) (traces []story.Trace) {
	t.Helper()
	for _, decoded := range storytest.Recorded(t, kind) {
		trace := story.Trace{Spans: story.FromOTLP(decoded)}
		trace.ID = trace.Spans[0].TraceID
		traces = append(traces, trace)
	}
	return traces
}

// answer is a story as the page gets it.
type answer struct {
	Start     string
	Total     int64
	Resources []map[string]any
	Summary   struct {
		Title                          string
		Spans, Errors, Attempts, Links int
		Services                       []string
		Waits                          map[string]int64
	}
	Nodes []struct {
		Parent, Attempt, Resource                       int
		ID, Name, Orphan, Kind                          string
		From, To                                        int64
		Failed, Killed, Statement, Fold, Critical, Done bool
		Reasons                                         []string
		LinkedFrom                                      []string `json:"linked_from"`
		Waits                                           []struct{ Place string }
		Path                                            [][2]int64
		Links                                           []struct {
			Trace, Span string
			Here        bool
			ToParent    bool `json:"to_parent"`
		}
		Attributes map[string]any
	}
}

func asJSON(t *testing.T, of json.Marshaler) (a answer) {
	t.Helper()
	data, err := json.Marshal(of)
	if err == nil {
		err = json.Unmarshal(data, &a)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// outline writes a story as lines: the tree, and what is drawn of each node.
func outline(a answer) []string {
	lines, depths, names := []string{}, []int{}, map[string]string{}
	for _, n := range a.Nodes {
		depth := 0
		if n.Parent >= 0 {
			depth = depths[n.Parent] + 1
		}
		depths = append(depths, depth)
		names[n.ID] = called(n.Name, n.Attempt)
	}
	for i, n := range a.Nodes {
		if n.Parent >= 0 && a.Nodes[n.Parent].Fold {
			continue
		}
		line := []string{names[n.ID]}
		add := func(when bool, text string) {
			if when {
				line = append(line, text)
			}
		}
		add(n.Killed, "killed")
		add(n.Orphan != "", "orphan")
		add(n.Failed, "failed")
		for _, w := range n.Waits {
			add(true, "waited in "+w.Place)
		}
		for _, l := range n.Links {
			switch {
			case l.ToParent:
				add(true, "links to its parent")
			case l.Here:
				add(true, "links to "+names[l.Span])
			case l.Trace != "":
				add(true, "links to another trace")
			default:
				add(true, "links to a span that is not here")
			}
		}
		for _, id := range n.LinkedFrom {
			add(true, "linked from "+names[id])
		}
		lines = append(lines, strings.Repeat("  ", depths[i])+strings.Join(line, ", "))
	}
	return lines
}

func called(name string, attempt int) string {
	if attempt == 0 {
		return name
	}
	return name + " #" + string(rune('0'+attempt))
}

func TestRecordedOrders(t *testing.T) {
	answered := []string{
		"      5 statements",
		"      create stock, linked from process stock",
		"        2 statements",
		"        send stock, waited in outbox",
		"        process stock, waited in stream, links to its parent",
		"          2 statements",
		"          create orders",
		"            2 statements",
		"            send orders, waited in outbox",
	}
	alone := []string{"POST /orders", "  create orders", "    4 statements", "    send orders, waited in outbox"}
	for kind, want := range map[string][]string{
		"plain": append([]string{
			"POST /orders",
			"  create orders, linked from process orders",
			"    4 statements",
			"    send orders, waited in outbox",
			"    process orders, waited in stream, links to its parent",
		}, answered...),
		"flaky": append([]string{
			"POST /orders",
			"  create orders, linked from process orders #1, linked from process orders #2, linked from process orders #3",
			"    4 statements",
			"    send orders, waited in outbox",
			"    process orders #1, failed, waited in stream, links to its parent",
			"    process orders #2, failed, waited in stream, links to its parent",
			"    process orders #3, waited in stream, links to its parent",
		}, answered...),
		"crash": append([]string{
			"POST /orders",
			"  create orders, linked from process orders #2",
			"    4 statements",
			"    send orders, waited in outbox",
			"    process orders #1, killed",
			"    process orders #2, waited in stream, links to its parent",
		}, answered...),
		"invalid": { // redriven, and still invalid
			"POST /orders",
			"  create orders, linked from process orders #1, linked from process orders #2",
			"    4 statements",
			"    send orders, waited in outbox",
			"    process orders #1, failed, waited in stream, links to its parent, linked from dead_letter orders",
			"    dead_letter orders, links to process orders #1",
			"    process orders #2, failed, waited in dead letters, waited in stream, links to its parent, links to another trace, linked from dead_letter orders",
			"    dead_letter orders, links to process orders #2",
		},
		"bullmq": { // of another SDK and library
			"POST /parcels",
			"  add parcels.pack",
			"    process parcels",
			"      UPDATE parcels",
			"      delay parcels",
			"    process parcels",
			"      UPDATE parcels",
			"      complete parcels",
			"      close parcels",
		},
		"batch": { // of another SDK, in a trace of its own that links to what it took up
			"invoices receive, links to another trace, links to another trace, linked from invoices process, linked from invoices process",
			"  invoices process, links to another trace, links to its parent",
			"    2 statements",
			"  invoices process, failed, links to another trace, links to its parent",
			"    2 statements",
		},
		"link": alone, // processing is in traces of its own
		"off":  alone,
	} {
		t.Run(kind, func(t *testing.T) {
			if diff := cmp.Diff(want, outline(asJSON(t, story.Tell(recorded(t, kind)[0])))); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

// A chain of spans may be deeper than the stack of whoever reads it.
func TestADeepTrace(t *testing.T) {
	s := storytest.New()
	parent := ""
	for i := range 20_000 {
		parent = s.Add(parent, "a", story.KindInternal, "step", i, 40_000-i)
	}
	a := asJSON(t, story.Tell(s.Trace))
	if last := a.Nodes[19_999]; last.Parent != 19_998 || !last.Critical {
		t.Errorf("the last node is %+v", last)
	}
}

func TestTheCriticalPath(t *testing.T) {
	s := storytest.New()
	request := s.Add("", "a", story.KindServer, "request", 0, 100)
	s.Add(request, "a", story.KindInternal, "fast", 10, 20)
	slow := s.Add(request, "a", story.KindInternal, "slow", 10, 60)
	s.Add(slow, "a", story.KindInternal, "inside", 20, 30)
	s.Add(request, "a", story.KindInternal, "later", 150, 200) // after the request, as a message is processed
	s.Add(request, "a", story.KindInternal, "last before the end", 70, 80)
	got := map[string][][2]int64{}
	for _, n := range asJSON(t, story.Tell(s.Trace)).Nodes {
		if n.Critical != (n.Path != nil) {
			t.Errorf("%s is critical %v, its path %v", n.Name, n.Critical, n.Path)
		}
		if n.Critical {
			got[n.Name] = n.Path
		}
	}
	const us = int64(time.Microsecond)
	want := map[string][][2]int64{
		"request":             {{80 * us, 100 * us}, {60 * us, 70 * us}, {0, 10 * us}},
		"slow":                {{30 * us, 60 * us}, {10 * us, 20 * us}},
		"inside":              {{20 * us, 30 * us}},
		"last before the end": {{70 * us, 80 * us}},
		"later":               {{150 * us, 200 * us}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("path (-want +got):\n%s", diff)
	}
}

// The wait before an attempt does not count again what came before it: here 85 ms since the message was sent, of which a
// killed attempt took the time from 5 to 10 ms.
func TestWaitsAndKilledAttemptsTakeTurns(t *testing.T) {
	s := storytest.New()
	created := s.Add("", "order", story.KindProducer, "create orders", 0, 1000)
	s.Add(created, "inventory", story.KindConsumer, "process orders", 90_000, 91_000, storytest.Received("m", 85.0),
		storytest.Attempted(2, "ack"), storytest.TookOver("one", 1, 10_000))
	attempts := story.Tell(s.Trace).Roots[0].Children
	from, seen := attempts[0].Start.Sub(storytest.Epoch), attempts[0].End.Sub(storytest.Epoch)
	if want := 80 * time.Millisecond; from != 5*time.Millisecond || seen != 10*time.Millisecond || attempts[1].Waited() != want {
		t.Errorf("killed from %v to %v, and a wait of %v; want 5 ms, 10 ms, %v", from, seen, attempts[1].Waited(), want)
	}
}

func TestOutcomes(t *testing.T) {
	for kind, want := range map[string]string{
		"plain": "", "flaky": story.OutcomeRetried, "crash": story.OutcomeRetried, "invalid": story.OutcomeFailed,
		"crash-loop": story.OutcomeFailed, "link": "", "batch": story.OutcomeFailed, "bullmq": "",
	} {
		if got := story.Tell(recorded(t, kind)[0]).Outcome(); got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
	redriven := story.Tell(storytest.Redriven())
	if got := redriven.Outcome(); got != story.OutcomeRetried {
		t.Errorf("after a redrive that succeeded: %q", got)
	}
}
