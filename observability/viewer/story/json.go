package story

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// The JSON of a story is what the page draws. Times are whole nanoseconds since the start of the story, and lengths too.

type storyJSON struct {
	ID        string            `json:"id"`
	Start     string            `json:"start"` // RFC 3339
	Total     time.Duration     `json:"total"`
	Scale     Scale             `json:"scale"`
	Partial   string            `json:"partial"`
	Summary   summaryJSON       `json:"summary"`
	Resources []json.RawMessage `json:"resources"`
	Nodes     []*nodeJSON       `json:"nodes"` // parents before their children
}

type summaryJSON struct {
	Summary

	Title      string           `json:"title"` // the name of the root
	Operations []*operationJSON `json:"operations"`
}

type operationJSON struct {
	Service string `json:"service"`
	Name    string `json:"name"`
	Times   int    `json:"times"`
}

type nodeJSON struct {
	Parent int `json:"parent"` // its index in nodes; -1 for a root

	ID      string `json:"id"`
	Trace   string `json:"trace"`
	Service string `json:"service"`
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Message string `json:"message"`
	From    int64  `json:"from"`
	To      int64  `json:"to"`
	Start   string `json:"start"`
	End     string `json:"end"`

	Failed    bool     `json:"failed"`
	Killed    bool     `json:"killed"`
	Orphan    string   `json:"orphan,omitempty"` // the id of the parent that is not here
	Statement bool     `json:"statement"`
	Fold      bool     `json:"fold"` // it stands for its children, which are statements
	Attempt   int      `json:"attempt"`
	Operation string   `json:"operation"`
	Done      bool     `json:"done"`
	Reasons   []string `json:"reasons,omitempty"`
	Waits     []Wait   `json:"waits,omitempty"`

	Critical bool       `json:"critical"`
	Path     [][2]int64 `json:"path,omitempty"`

	Links      []linkJSON     `json:"links,omitempty"`
	LinkedFrom []string       `json:"linked_from,omitempty"` // ids
	Attributes map[string]any `json:"attributes"`
	Events     []eventJSON    `json:"events,omitempty"`
	Resource   int            `json:"resource"` // its index in resources
	Scope      string         `json:"scope"`
}

type linkJSON struct {
	Trace      string         `json:"trace,omitempty"` // empty inside of the story
	Span       string         `json:"span"`
	Here       bool           `json:"here"` // the span is in the story
	ToParent   bool           `json:"to_parent"`
	Attributes map[string]any `json:"attributes"`
}

type eventJSON struct {
	Name       string         `json:"name"`
	At         int64          `json:"at"`
	Attributes map[string]any `json:"attributes"`
}

// MarshalJSON returns the nodes as a flat list, because a trace may be deeper than a browser's stack.
func (s *Story) MarshalJSON() ([]byte, error) {
	w := writer{Story: s, resources: map[string]int{}}
	out := storyJSON{
		ID: s.ID, Start: rfc3339(s.Start), Total: s.Total, Scale: s.Scale, Partial: s.Partial, Summary: s.summaryJSON(),
		Nodes: []*nodeJSON{},
	}
	type visit struct {
		group  []*Node
		parent int
	}
	var stack []visit
	push := func(siblings []*Node, parent int) {
		for _, group := range slices.Backward(Fold(siblings)) {
			stack = append(stack, visit{group, parent})
		}
	}
	push(s.Roots, -1)
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		at := len(out.Nodes)
		if len(v.group) == 1 {
			out.Nodes = append(out.Nodes, w.node(v.group[0], v.parent))
			push(v.group[0].Children, at)
			continue
		}
		out.Nodes = append(out.Nodes, w.fold(v.group, v.parent))
		for _, n := range v.group {
			out.Nodes = append(out.Nodes, w.node(n, at))
		}
	}
	out.Resources = w.list
	return json.Marshal(out)
}

func (s *Story) summaryJSON() summaryJSON {
	out := summaryJSON{Summary: s.Summary()}
	if root := s.Root(); root != nil {
		out.Title = root.Name
	}
	known := map[[2]string]*operationJSON{}
	for _, span := range s.Spans {
		key := [2]string{span.Service, span.Name}
		if known[key] == nil {
			known[key] = &operationJSON{Service: span.Service, Name: span.Name}
			out.Operations = append(out.Operations, known[key])
		}
		known[key].Times++
	}
	return out
}

// A writer writes nodes, and each resource once.
type writer struct {
	*Story
	resources map[string]int
	list      []json.RawMessage
}

func (w *writer) node(n *Node, parent int) *nodeJSON {
	busy := n.Busy()
	out := &nodeJSON{
		Parent: parent, ID: n.ID, Trace: n.TraceID, Service: n.Service, Name: n.Name, Kind: n.Kind.String(), Message: n.StatusMessage,
		From: int64(w.Since(busy.Start)), To: int64(w.Since(busy.End)), Start: rfc3339(n.Start), End: rfc3339(n.End),
		Failed: n.Error, Killed: n.Killed, Statement: n.IsStatement(), Attempt: n.Attempt, Operation: n.Operation(), Done: n.IsDone(),
		Waits: n.Waits, Critical: n.Critical, Attributes: plainMap(n.Attributes), Resource: w.resource(n.Resource), Scope: n.Scope,
	}
	if n.Orphan {
		out.Orphan = n.Span.Parent
	}
	for _, reason := range n.Reasons() {
		out.Reasons = append(out.Reasons, reason.String())
	}
	for _, part := range n.Path {
		out.Path = append(out.Path, [2]int64{int64(w.Since(part.Start)), int64(w.Since(part.End))})
	}
	for i, t := range n.Targets {
		l := linkJSON{Span: n.Links[i].SpanID, Here: t.Node != nil, ToParent: t.ToParent, Attributes: plainMap(n.Links[i].Attributes)}
		if !t.Inside {
			l.Trace = n.Links[i].TraceID
		}
		out.Links = append(out.Links, l)
	}
	for _, from := range n.LinkedFrom {
		out.LinkedFrom = append(out.LinkedFrom, from.ID)
	}
	for _, e := range n.Events {
		out.Events = append(out.Events, eventJSON{e.Name, int64(w.Since(e.Time)), plainMap(e.Attributes)})
	}
	return out
}

// fold is a node for statements that follow each other.
func (w *writer) fold(group []*Node, parent int) *nodeJSON {
	first := group[0]
	out := &nodeJSON{
		Parent: parent, ID: "fold-" + first.ID, Trace: first.TraceID, Service: first.Service, Kind: first.Kind.String(),
		Name: fmt.Sprintf("%d statements", len(group)), Start: rfc3339(first.Start), From: int64(w.Since(first.Start)),
		Statement: true, Fold: true,
		Resource: w.resource(first.Resource), Scope: first.Scope,
	}
	for _, n := range group {
		out.To = max(out.To, int64(w.Since(n.Busy().End)))
		out.Critical = out.Critical || n.Critical
	}
	return out
}

func (w *writer) resource(of Attributes) int {
	text, err := json.Marshal(plainMap(of))
	if err != nil {
		panic(err) // plain values only
	}
	i, known := w.resources[string(text)]
	if !known {
		i = len(w.list)
		w.resources[string(text)] = i
		w.list = append(w.list, text)
	}
	return i
}

// MarshalJSON returns the journey without the rest of its story.
func (j *Journey) MarshalJSON() ([]byte, error) {
	type traceJSON struct {
		ID      string `json:"id"`
		Service string `json:"service"` // of its root, as is name
		Name    string `json:"name"`
	}
	type turnJSON struct {
		TurnSettings
		Request    *nodeJSON   `json:"request"`
		Entries    []*nodeJSON `json:"entries"`
		Created    *nodeJSON   `json:"created"`
		Statements int         `json:"statements"`
		Sent       *nodeJSON   `json:"sent"`
		Listeners  []*nodeJSON `json:"listeners"`
		Break      *Break      `json:"broken"`
	}
	w := writer{Story: j.Story, resources: map[string]int{}}
	node := func(n *Node) *nodeJSON {
		if n == nil {
			return nil
		}
		return w.node(n, -1)
	}
	traces, turns := []traceJSON{}, []turnJSON{}
	roots := map[string][]*Node{} // by their trace
	for _, n := range j.Roots {
		roots[n.TraceID] = append(roots[n.TraceID], n)
	}
	for _, t := range j.Traces {
		first := traceJSON{ID: t.ID}
		if root := rootOf(roots[t.ID]); root != nil {
			first.Service, first.Name = root.Service, root.Name
		}
		traces = append(traces, first)
	}
	for _, t := range j.Turns {
		out := turnJSON{
			TurnSettings: t.TurnSettings, Request: node(t.Request), Entries: []*nodeJSON{}, Created: node(t.Created),
			Statements: t.Statements, Sent: node(t.Sent), Listeners: []*nodeJSON{}, Break: t.Break,
		}
		for _, n := range t.Entries {
			out.Entries = append(out.Entries, node(n))
		}
		for _, n := range t.Listeners {
			out.Listeners = append(out.Listeners, node(n))
		}
		turns = append(turns, out)
	}
	return json.Marshal(map[string]any{
		"traces": traces, "turns": turns, "waits": j.Waits(), "deliveries_most": j.Settings.Deliveries,
	})
}

// MarshalJSON writes the length in nanoseconds.
func (w Wait) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"place": w.Place, "ns": w.Length})
}

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// plain returns a value that JSON and a browser can hold: a number that is none, or too large for either, becomes text.
func plain(value any) any {
	switch v := value.(type) {
	case int64:
		const exact = 1 << 53
		if v < -exact || v > exact {
			return fmt.Sprint(v)
		}
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	case map[string]any:
		return plainMap(v)
	}
	return value
}

func plainMap(from map[string]any) map[string]any {
	to := make(map[string]any, len(from))
	for key, value := range from {
		to[key] = plain(value)
	}
	return to
}
