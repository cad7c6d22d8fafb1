package story_test

import (
	"slices"
	"testing"
	"time"

	"example.com/clew/observability/viewer/story"
	"example.com/clew/observability/viewer/story/storytest"
)

func TestWaitIsMeasuredByMessaging(t *testing.T) {
	const none = -1
	for name, test := range map[string]struct {
		ms   any
		want time.Duration
	}{
		"too short":          {0.0, 0},
		"milliseconds":       {2.5, 2500 * time.Microsecond},
		"whole milliseconds": {int64(2), 2 * time.Millisecond},
		"missing":            {nil, none},
		"below zero":         {-3.0, none},
		"a broken clock":     {1e300, none},
		"no number":          {"soon", none},
	} {
		t.Run(name, func(t *testing.T) {
			s := storytest.New()
			s.Add("", "order", story.KindClient, "send orders", 0, 1, storytest.Sent("m", test.ms))
			want := []story.Wait{{Place: "outbox", Length: test.want}}
			if test.want == none {
				want = nil
			}
			if got := story.Tell(s.Trace).Roots[0].Waits; !slices.Equal(got, want) {
				t.Errorf("waited %+v, want %+v", got, want)
			}
		})
	}
}

func TestWaitBeginsAfterWhatCameBefore(t *testing.T) {
	const (
		producer = story.KindProducer
		consumer = story.KindConsumer
		client   = story.KindClient
	)
	for name, test := range map[string]struct {
		tell func(s *storytest.Trace, created string)
		want time.Duration // before the last span told, which starts at 10 000 µs
	}{
		"sent: after the commit": {func(s *storytest.Trace, created string) {
			s.Add(created, "order", client, "send orders", 10_000, 10_100, storytest.Sent("m", 9.0))
		}, 9 * time.Millisecond},
		"sent: not in the outbox before the commit": {func(s *storytest.Trace, created string) {
			s.Add(created, "order", client, "send orders", 10_000, 10_100, storytest.Sent("m", 9.9))
		}, 9 * time.Millisecond},
		"received: after it was sent": {func(s *storytest.Trace, created string) {
			s.Add(created, "order", client, "send orders", 8_000, 9_600, storytest.Sent("m", 7.0))
			s.Add(created, "inventory", consumer, "process orders", 10_000, 10_100, storytest.Received("m", 1.3))
		}, 400 * time.Microsecond},
		"received while the reply to sending travels": {func(s *storytest.Trace, created string) {
			s.Add(created, "order", client, "send orders", 9_000, 10_050, storytest.Sent("m", 8.0))
			s.Add(created, "inventory", consumer, "process orders", 10_000, 10_100, storytest.Received("m", 0.7))
		}, 0},
		"received again: after the attempt before": {func(s *storytest.Trace, created string) {
			s.Add(created, "inventory", consumer, "process orders", 3_000, 4_000, storytest.Received("m", 1.0))
			s.Add(created, "inventory", consumer, "process orders", 10_000, 10_100, storytest.Received("m", 8.0))
		}, 6 * time.Millisecond},
		"another message does not matter": {func(s *storytest.Trace, created string) {
			s.Add(created, "order", client, "send stock", 8_000, 9_900, storytest.Sent("other", 7.0))
			s.Add(created, "inventory", consumer, "process orders", 10_000, 10_100, storytest.Received("m", 1.5))
		}, 1500 * time.Microsecond},
		"what comes later does not matter": {func(s *storytest.Trace, created string) {
			s.Add(created, "inventory", consumer, "process orders", 11_000, 12_000, storytest.Received("m", 5.0))
			s.Add(created, "inventory", consumer, "process orders", 10_000, 10_100, storytest.Received("m", 1.5))
		}, 1500 * time.Microsecond},
	} {
		t.Run(name, func(t *testing.T) {
			s := storytest.New()
			test.tell(s, s.Add("", "order", producer, "create orders", 0, 1_000))
			last, there := story.Tell(s.Trace).Node(s.Spans[len(s.Spans)-1].ID)
			if !there {
				t.Fatal("the span is not in the tree")
			}
			if got := last.Waited(); got != test.want {
				t.Errorf("waited %v, want %v", got, test.want)
			}
		})
	}
}
