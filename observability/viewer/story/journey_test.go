package story_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/viewer/story"
	"example.com/clew/observability/viewer/story/storytest"
)

// follow returns the journey of recorded traces, and what tells of it in words: a list a turn.
func follow(t *testing.T, traces []story.Trace) (*story.Journey, [][]string) {
	t.Helper()
	j := story.Follow(storytest.Settings, traces[0].Orders()[0], traces[0].ID, traces)
	var turns [][]string
	for _, turn := range j.Turns {
		parts := []string{}
		add := func(n *story.Node, text string) {
			if n != nil {
				parts = append(parts, text)
			}
		}
		add(turn.Request, "request")
		for _, n := range turn.Entries {
			text := n.Operation()
			if n.Killed {
				text = "killed"
			} else if n.IsDone() {
				text = "done"
			}
			add(n, text)
		}
		add(turn.Created, "created")
		add(turn.Sent, "sent")
		for _, n := range turn.Listeners {
			add(n, "listener")
		}
		turns = append(turns, parts)
	}
	return j, turns
}

func TestJourneys(t *testing.T) {
	placed, taken := []string{"request", "created", "sent"}, []string{"done", "created", "sent"}
	for kind, want := range map[string][][]string{
		"plain":   {placed, taken, taken},
		"flaky":   {placed, {"process", "process", "done", "created", "sent"}, taken},
		"crash":   {placed, {"killed", "done", "created", "sent"}, taken},
		"link":    {placed, taken, taken},
		"off":     {placed, taken, taken},
		"invalid": {placed, {"process", "dead_letter", "redrive", "process", "dead_letter"}, {}},
	} {
		t.Run(kind, func(t *testing.T) {
			traces := recorded(t, kind)
			j, turns := follow(t, traces)
			if diff := cmp.Diff(want, turns); diff != "" {
				t.Errorf("turns (-want +got):\n%s", diff)
			}
			if finished := kind != "invalid"; j.IsAtEnd() != finished {
				t.Errorf("at its end: %v", j.IsAtEnd())
			}
			slices.Reverse(traces)
			if _, turns := follow(t, traces); kind == "plain" && !cmp.Equal(want, turns) {
				t.Errorf("in another order: %v", turns)
			}
		})
	}
}

func TestWhereJourneysBreak(t *testing.T) {
	for kind, linked := range map[string]bool{"off": false, "link": true} {
		traces := recorded(t, kind)
		placed, answered, processed := traces[0].ID, traces[1].ID, traces[2].ID
		j, _ := follow(t, traces)
		want := []*story.Break{nil, {From: placed, Trace: processed, Linked: linked}, {From: processed, Trace: answered, Linked: linked}}
		var got []*story.Break
		for _, turn := range j.Turns {
			got = append(got, turn.Break)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: breaks (-want +got):\n%s", kind, diff)
		}
	}
	if j, _ := follow(t, recorded(t, "plain")); j.Turns[1].Break != nil || j.Turns[2].Break != nil {
		t.Error("a whole trace is said to break")
	}
}

func TestAJourneyCountsStatementsAndWaits(t *testing.T) {
	j, _ := follow(t, recorded(t, "plain"))
	var statements []int
	for _, turn := range j.Turns {
		statements = append(statements, turn.Statements)
	}
	if want := []int{4, 7, 4}; !slices.Equal(statements, want) {
		t.Errorf("statements %v, want %v", statements, want)
	}
	waits := j.Waits()
	if waits["outbox"] <= 0 || waits["stream"] < 0 || len(waits) != 2 {
		t.Errorf("waits %v", waits)
	}
}

func TestWhereAnOrderIs(t *testing.T) {
	plain := recorded(t, "plain")
	until := func(name string) []story.Trace { // all spans that start before the first of this name
		var first time.Time
		for _, s := range plain[0].Spans {
			if s.Name == name && (first.IsZero() || s.Start.Before(first)) {
				first = s.Start
			}
		}
		cut := story.Trace{ID: plain[0].ID}
		for _, s := range plain[0].Spans {
			if s.Start.Before(first) {
				cut.Spans = append(cut.Spans, s)
			}
		}
		return []story.Trace{cut}
	}
	held := story.Pending{Stream: "orders", Group: "inventory", Type: "order.created.v1", Consumer: "inventory-1"}
	retry := held
	retry.Retry = true
	of := func(change func(*story.Pending)) []story.Pending { p := held; change(&p); return []story.Pending{p} }
	for name, test := range map[string]struct {
		traces  []story.Trace
		pending []story.Pending
		turn    int
		place   string
	}{
		"nothing is known":          {[]story.Trace{{ID: plain[0].ID}}, nil, 0, story.PlaceHTTP},
		"requested":                 {until("create orders"), nil, 0, story.PlaceDatabase},
		"in the outbox":             {until("send orders"), nil, 0, story.PlaceOutbox},
		"not yet delivered":         {until("process orders"), nil, 1, story.PlaceStream},
		"being processed":           {until("process orders"), []story.Pending{held}, 1, story.PlaceAttempt},
		"waiting for an attempt":    {until("process orders"), []story.Pending{retry}, 1, story.PlaceRetry},
		"pending elsewhere":         {until("process orders"), of(func(p *story.Pending) { p.Stream = "stock" }), 1, story.PlaceStream},
		"pending for another":       {until("process orders"), of(func(p *story.Pending) { p.Group = "audit" }), 1, story.PlaceStream},
		"another message of it":     {until("process orders"), of(func(p *story.Pending) { p.Type = "order.cancelled.v1" }), 1, story.PlaceStream},
		"answered, not yet sent":    {until("send stock"), nil, 1, story.PlaceOutbox},
		"discarded":                 {recorded(t, "invalid"), nil, 1, story.PlaceGone},
		"dead-lettered":             {recorded(t, "invalid"), nil, 1, story.PlaceDead},
		"redriven, being processed": {recorded(t, "invalid"), []story.Pending{held}, 1, story.PlaceAttempt},
		"at the end":                {plain, nil, 2, story.PlaceEnd},
	} {
		j := story.Follow(storytest.Settings, plain[0].Orders()[0], plain[0].ID, test.traces)
		if name == "dead-lettered" || name == "discarded" || name == "redriven, being processed" {
			j, _ = follow(t, test.traces)
		}
		if w := j.Where(test.pending, name != "discarded"); w.Turn != test.turn || w.Place != test.place || (w.Held != nil) != (w.Place == story.PlaceAttempt || w.Place == story.PlaceRetry) {
			t.Errorf("%s: %+v, want %s of turn %d", name, w, test.place, test.turn)
		}
	}
}

// Each attempt killed its process: only the dead letter tells how many there were. Two more orders were redriven with this one.
func TestACrashLoop(t *testing.T) {
	traces := recorded(t, "crash-loop")
	killed := "    process orders #%d, killed"
	want := []string{"POST /orders", "  create orders", "    4 statements", "    send orders, waited in outbox"}
	for i := range 5 {
		want = append(want, fmt.Sprintf(killed, i+1))
	}
	want = append(want, "    dead_letter orders")
	s := story.Tell(traces[0])
	if diff := cmp.Diff(want, outline(asJSON(t, s))); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	attempts := s.Roots[0].Children[0].Children[5:10]
	letter := s.Roots[0].Children[0].Children[10]
	for _, n := range attempts {
		if n.End != letter.Start || n.Start.After(letter.Start) || n.Start.Before(s.Start) || n.Service != "inventory" {
			t.Errorf("%+v, want it to be killed before %v", n.Span, letter.Start)
		}
	}
	if _, turns := follow(t, traces); !slices.Equal(turns[1], []string{"killed", "killed", "killed", "killed", "killed", "dead_letter", "redrive"}) {
		t.Errorf("%v", turns[1])
	}
}

// One act redrove three dead letters: each journey has its own. (The next attempt's span was lost with a process that another of
// the three killed.)
func TestARedriveOfOthersIsNotInTheJourney(t *testing.T) {
	_, turns := follow(t, recorded(t, "redrive-all"))
	if want := []string{"process", "dead_letter", "redrive"}; !slices.Equal(turns[1], want) {
		t.Errorf("%v, want %v", turns[1], want)
	}
}

// The page reads these names.
func TestAJourneyAsJSON(t *testing.T) {
	j, _ := follow(t, recorded(t, "crash"))
	data, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Traces []struct{ ID, Service, Name string }
		Most   int `json:"deliveries_most"`
		Waits  map[string]int64
		Turns  []struct {
			Service, Reads, Stream string
			Statements             int
			Request, Created, Sent *struct {
				ID, Trace, Name string
				From, To        int64
			}
			Entries []struct {
				Killed, Done bool
				Attempt      int
				Attributes   map[string]any
			}
		}
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Traces) != 1 || got.Traces[0].Name != "POST /orders" || got.Traces[0].Service != "order" || got.Most != 5 || got.Waits["stream"] == 0 {
		t.Errorf("%+v", got)
	}
	turn := got.Turns[1]
	if turn.Reads != "orders" || turn.Created.Trace != j.ID || turn.Created.To <= turn.Created.From || len(turn.Entries) != 2 ||
		!turn.Entries[0].Killed || turn.Entries[0].Attempt != 1 || !turn.Entries[1].Done || turn.Entries[1].Attributes["messaging.client.id"] == nil {
		t.Errorf("%+v", turn)
	}
}

// A caller may place several orders in one trace of its own.
func TestTwoOrdersInOneTrace(t *testing.T) {
	plain, flaky := recorded(t, "plain")[0], recorded(t, "flaky")[0]
	both := story.Trace{ID: plain.ID, Spans: slices.Concat(plain.Spans, flaky.Spans)}
	for order, want := range map[string]int{plain.Orders()[0]: 1, flaky.Orders()[0]: 3} {
		j := story.Follow(storytest.Settings, order, plain.ID, []story.Trace{both})
		turn := j.Turns[0]
		if n := len(j.Turns[1].Entries); n != want || turn.Request != turn.Created.Parent {
			t.Errorf("%d entries, and the request %v of %v; want %d, and its own request", n, turn.Request, turn.Created, want)
		}
		if last := j.Turns[2].Created; j.Finished() != last.End {
			t.Errorf("finished at %v, want %v", j.Finished(), last.End)
		}
	}
}
