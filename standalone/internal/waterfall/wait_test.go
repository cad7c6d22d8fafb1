package waterfall

import (
	"testing"
	"time"

	"example.com/clew/standalone/internal/traceapi"
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
			n := &node{Span: traceapi.Span{Attributes: traceapi.Attributes{}}}
			sent("m", test.ms)(&n.Span)
			want := wait{"outbox", test.want}
			if test.want == none {
				want = wait{}
			}
			if got := waitBefore(n); got != want {
				t.Errorf("waitBefore = %+v, want %+v", got, want)
			}
		})
	}
}

func TestWaitBeginsAfterWhatCameBefore(t *testing.T) {
	const (
		producer = traceapi.KindProducer
		consumer = traceapi.KindConsumer
		client   = traceapi.KindClient
	)
	for name, test := range map[string]struct {
		tell func(s *story, created string)
		want time.Duration // before the last span told, which starts at 10 000 µs
	}{
		"sent: after the commit": {func(s *story, created string) {
			s.span(created, "order", client, "send orders", 10_000, 10_100, sent("m", 9.0))
		}, 9 * time.Millisecond},
		"sent: not in the outbox before the commit": {func(s *story, created string) {
			s.span(created, "order", client, "send orders", 10_000, 10_100, sent("m", 9.9))
		}, 9 * time.Millisecond},
		"received: after it was sent": {func(s *story, created string) {
			s.span(created, "order", client, "send orders", 8_000, 9_600, sent("m", 7.0))
			s.span(created, "inventory", consumer, "process orders", 10_000, 10_100, received("m", 1.3))
		}, 400 * time.Microsecond},
		"received while the reply to sending travels": {func(s *story, created string) {
			s.span(created, "order", client, "send orders", 9_000, 10_050, sent("m", 8.0))
			s.span(created, "inventory", consumer, "process orders", 10_000, 10_100, received("m", 0.7))
		}, 0},
		"received again: after the attempt before": {func(s *story, created string) {
			s.span(created, "inventory", consumer, "process orders", 3_000, 4_000, received("m", 1.0))
			s.span(created, "inventory", consumer, "process orders", 10_000, 10_100, received("m", 8.0))
		}, 6 * time.Millisecond},
		"another message does not matter": {func(s *story, created string) {
			s.span(created, "order", client, "send stock", 8_000, 9_900, sent("other", 7.0))
			s.span(created, "inventory", consumer, "process orders", 10_000, 10_100, received("m", 1.5))
		}, 1500 * time.Microsecond},
		"what comes later does not matter": {func(s *story, created string) {
			s.span(created, "inventory", consumer, "process orders", 11_000, 12_000, received("m", 5.0))
			s.span(created, "inventory", consumer, "process orders", 10_000, 10_100, received("m", 1.5))
		}, 1500 * time.Microsecond},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory()
			test.tell(s, s.span("", "order", producer, "create orders", 0, 1_000))
			last := s.trace.Spans[len(s.trace.Spans)-1].ID
			for _, n := range grow(s.trace.Spans)[0].children {
				if n.ID == last {
					if got := waitBefore(n).length; got != test.want {
						t.Errorf("waited %v, want %v", got, test.want)
					}
					return
				}
			}
			t.Fatal("the span is not in the tree")
		})
	}
}
