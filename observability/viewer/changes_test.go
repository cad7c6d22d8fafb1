package viewer

import (
	"context"
	"encoding/hex"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestASubscriptionCollectsWhatWasWrittenTo(t *testing.T) {
	v := New(Config{})
	mustAdd(t, v.store, batch("order", newSpan(1, 1, 1)))
	one, other := v.Subscribe(), v.Subscribe()
	mustAdd(t, v.store, batch("order", newSpan(1, 2, 1), newSpan(2, 1, 1), newSpan(1, 3, 1)))
	mustAdd(t, v.store, batch("order", newSpan(3, 1, 1)))
	mustAdd(t, v.store, batch("order", newSpan(1, 1, 1))) // was there before
	id := func(n int) string { return hex.EncodeToString(newTraceID(n)) }
	for _, s := range []*Subscription{one, other} {
		got := s.Take()
		slices.Sort(got)
		if diff := cmp.Diff([]string{id(1), id(2), id(3)}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if again := s.Take(); len(again) != 0 {
			t.Errorf("%v are told twice", again)
		}
	}
	one.Close()
	mustAdd(t, v.store, batch("order", newSpan(4, 1, 1)))
	if got := one.Take(); len(got) != 0 {
		t.Errorf("%v are told after Close", got)
	}
	if got := other.Take(); !slices.Equal(got, []string{id(4)}) {
		t.Errorf("%v are told to the other, want trace 4", got)
	}
}

func TestNobodyWaitsForASubscriber(t *testing.T) {
	v := New(Config{})
	s := v.Subscribe()
	defer s.Close()
	for n := 1; n <= maxChanges+10; n++ {
		mustAdd(t, v.store, batch("order", newSpan(n, 1, 1)))
	}
	if got := len(s.Take()); got != maxChanges {
		t.Errorf("%d ids waited, want %d", got, maxChanges)
	}
}

func TestSubscribersWhileSpansArrive(t *testing.T) {
	v := New(Config{MaxBytes: 256 << 10})
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			for n := range 500 {
				mustAddConcurrently(t, v.store, batch("order", newSpan(1+n, w*500+n+1, 1)))
			}
		})
		group.Go(func() {
			for range 100 {
				s := v.Subscribe()
				s.Take()
				s.Close()
			}
		})
	}
	group.Wait()
}

// A page that listens would otherwise hold up the stop.
func TestSubscriptionsEndWhenTheViewerStops(t *testing.T) {
	listen := func() net.Listener {
		on, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return on
	}
	v := New(Config{})
	subscription := v.Subscribe()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- v.Run(ctx, Listeners{API: listen(), OTLPGRPC: listen(), OTLPHTTP: listen()}, func(h http.Handler) http.Handler { return h })
	}()
	stop()
	<-subscription.Ended()
	if err := <-done; err != nil {
		t.Error(err)
	}
	<-v.Subscribe().Ended()
	mustAdd(t, v.store, batch("order", newSpan(1, 1, 1)))
	subscription.Close()
}
