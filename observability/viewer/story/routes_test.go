package story_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/viewer/story"
)

func TestRoutesAreReadFromTraces(t *testing.T) {
	want := story.Routes{
		Serves:    []string{"order"},
		Publishes: []story.Publish{{Service: "order", Stream: "orders"}, {Service: "inventory", Stream: "stock"}},
		Consumes: []story.Consume{
			{Stream: "orders", Group: "inventory", Service: "inventory"}, {Stream: "stock", Group: "order", Service: "order"},
		},
	}
	for _, kind := range []string{"plain", "link", "off"} {
		if diff := cmp.Diff(want, story.RoutesOf(recorded(t, kind))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
	if diff := cmp.Diff(story.Routes{Serves: []string{}, Publishes: []story.Publish{}, Consumes: []story.Consume{}}, story.RoutesOf(nil)); diff != "" {
		t.Errorf("no traces (-want +got):\n%s", diff)
	}
}
