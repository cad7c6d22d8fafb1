package story_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/viewer/story"
	"example.com/clew/observability/viewer/story/storytest"
)

// tree writes each node with its id and its parent's.
func tree(t *testing.T, trace story.Trace) (lines []string) {
	t.Helper()
	ids := map[string]bool{}
	a := asJSON(t, story.Tell(trace))
	for _, n := range a.Nodes {
		parent := "root"
		if n.Parent >= 0 {
			parent = "under " + a.Nodes[n.Parent].Name
		}
		lines = append(lines, fmt.Sprintf("%s %s", n.Name, parent))
		if ids[n.ID] {
			t.Errorf("two nodes have the id %s", n.ID)
		}
		ids[n.ID] = true
	}
	return lines
}

func withID(id string) func(*story.Span) { return func(s *story.Span) { s.ID = id } }

func TestSpansOfOneID(t *testing.T) {
	const shared = "00000000000000aa"
	type span struct {
		kind       story.Kind
		name       string
		parent, id string
	}
	const (
		client = story.KindClient
		server = story.KindServer
	)
	for name, test := range map[string]struct {
		spans []span
		want  []string
	}{
		"a client and its server, which has the client's parent": {
			[]span{{server, "page", "", "1"}, {client, "call", "1", shared}, {server, "answer", "1", shared}, {client, "query", shared, "2"}},
			[]string{"page root", "call under page", "answer under call", "query under answer"},
		},
		"the server's clock is ahead": {
			[]span{{server, "answer", "", shared}, {client, "query", shared, "2"}, {client, "call", "", shared}},
			[]string{"call root", "answer under call", "query under answer"},
		},
		"a parent that is not here": {
			[]span{{client, "call", "9", shared}, {server, "answer", "9", shared}},
			[]string{"call root", "answer under call"},
		},
		"each other's parent": {
			[]span{{client, "call", shared, shared}, {server, "answer", shared, shared}},
			[]string{"call root", "answer under call"},
		},
		"a producer and its consumers": {
			[]span{{story.KindProducer, "send", "", shared}, {story.KindConsumer, "one", "", shared}, {server, "two", "", shared}},
			[]string{"send root", "one under send", "two under send"},
		},
		"of one kind": {
			[]span{{server, "one", "", shared}, {server, "two", "", shared}, {client, "query", shared, "2"}},
			[]string{"one root", "two root", "query under two"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := storytest.New()
			for i, span := range test.spans {
				s.Add(span.parent, "order", span.kind, span.name, i, 100-i, withID(span.id))
			}
			if diff := cmp.Diff(test.want, tree(t, s.Trace)); diff != "" {
				t.Errorf("tree (-want +got):\n%s", diff)
			}
		})
	}
}

func TestALinkToSpansOfOneIDLeadsToTheServer(t *testing.T) {
	const shared = "00000000000000aa"
	s := storytest.New()
	s.Add("", "order", story.KindClient, "call", 0, 10, withID(shared))
	s.Add("", "order", story.KindServer, "answer", 1, 9, withID(shared))
	s.Add("", "order", story.KindConsumer, "later", 20, 30, storytest.LinkTo(s.ID, shared))
	a := asJSON(t, story.Tell(s.Trace))
	for _, n := range a.Nodes {
		if linked := len(n.LinkedFrom) == 1; linked != (n.Name == "answer") || linked && n.ID != shared {
			t.Errorf("%s (%s) is linked from %v", n.Name, n.ID, n.LinkedFrom)
		}
	}
}

func TestALinkWithoutIDsDoesNotLeadToTheParent(t *testing.T) {
	s := storytest.New()
	s.Add("", "order", story.KindServer, "root", 0, 10, storytest.LinkTo("", ""))
	if l := asJSON(t, story.Tell(s.Trace)).Nodes[0].Links[0]; l.ToParent || l.Here {
		t.Errorf("link %+v, want one that leads nowhere", l)
	}
}

func TestAStoryIsNamedAfterItsRoot(t *testing.T) {
	s := storytest.New()
	s.Add("00000000000000aa", "shop", story.KindServer, "its clock is behind", 0, 10)
	s.Add("", "order", story.KindServer, "root", 5, 10)
	if got := asJSON(t, story.Tell(s.Trace)).Summary.Title; got != "root" {
		t.Errorf("the title is %q, want the name of the span without a parent", got)
	}
	s.Spans = s.Spans[:1]
	if got := asJSON(t, story.Tell(s.Trace)).Summary.Title; got != "its clock is behind" {
		t.Errorf("without a root, the title is %q", got)
	}
}
