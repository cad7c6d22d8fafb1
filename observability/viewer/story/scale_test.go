package story_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/viewer/story"
	"example.com/clew/observability/viewer/story/storytest"
)

func TestAGapLongerThanTheRestIsFolded(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	for name, test := range map[string]struct {
		busy [][2]time.Duration
		want story.Scale
	}{
		"no spans":                           {nil, story.Scale{{0, 0, 0}}},
		"no gap":                             {[][2]time.Duration{{0, 5 * s}, {1 * s, 9 * s}}, story.Scale{{0, 9 * s, 9 * s}}},
		"as long as the rest":                {[][2]time.Duration{{0, 1 * s}, {3 * s, 4 * s}}, story.Scale{{0, 4 * s, 4 * s}}},
		"covered by a span that goes on":     {[][2]time.Duration{{0, 90 * s}, {1 * s, 2 * s}, {80 * s, 81 * s}}, story.Scale{{0, 90 * s, 90 * s}}},
		"longer, but the backoff of a retry": {[][2]time.Duration{{0, 1 * ms}, {9 * s, 10 * s}}, story.Scale{{0, 10 * s, 10 * s}}},
		"longer": {
			[][2]time.Duration{{0, 1 * s}, {100 * s, 102 * s}},
			story.Scale{{0, 1 * s, 1 * s}, {1 * s, 100 * s, 3 * s}, {100 * s, 102 * s, 2 * s}},
		},
		"two: together as long as the rest": {
			[][2]time.Duration{{0, 1 * s}, {1001 * s, 1002 * s}, {1013 * s, 1015 * s}},
			story.Scale{{0, 1 * s, 1 * s}, {1 * s, 1001 * s, 2 * s}, {1001 * s, 1002 * s, 1 * s}, {1002 * s, 1013 * s, 2 * s}, {1013 * s, 1015 * s, 2 * s}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var spans []story.Span
			for i, b := range test.busy {
				spans = append(spans, story.Span{ID: string(rune('a' + i)), Start: storytest.Epoch.Add(b[0]), End: storytest.Epoch.Add(b[1])})
			}
			if diff := cmp.Diff(test.want, story.Tell(story.Trace{ID: storytest.ID, Spans: spans}).Scale); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestATimeHasItsPlaceOnTheScale(t *testing.T) {
	const s = time.Second
	scale := story.Scale{{0, 1 * s, 1 * s}, {1 * s, 101 * s, 2 * s}, {101 * s, 102 * s, 1 * s}}
	for since, want := range map[time.Duration]time.Duration{
		-1 * s: 0, 0: 0, s / 2: s / 2, 1 * s: 1 * s, 51 * s: 2 * s, 101 * s: 3 * s, 102 * s: 4 * s, 500 * s: 4 * s,
	} {
		if got := scale.Place(since); got != want {
			t.Errorf("%v stands at %v, want %v", since, got, want)
		}
	}
}
