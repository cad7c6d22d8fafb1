package messaging

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestDuringAnOutageOneAtATimeIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutage(slog.New(slog.DiscardHandler))
		leave, ok := o.enter(t.Context())
		if !ok || !o.wait(t.Context()) {
			t.Fatal("there is no outage yet")
		}
		leave(true)
		tries := make(chan func(bool))
		for range 3 {
			go func() {
				leave, _ := o.enter(t.Context())
				tries <- leave
			}()
		}
		goesOn := make(chan bool)
		go func() { goesOn <- o.wait(t.Context()) }()
		for _, pause := range []time.Duration{probeFirst, 2 * probeFirst} {
			began := time.Now()
			leave := <-tries
			if waited := time.Since(began); waited != pause {
				t.Errorf("the next was tried after %s, expected %s", waited, pause)
			}
			synctest.Wait()
			select {
			case <-tries:
				t.Error("two are tried at once")
			case <-goesOn:
				t.Error("fetching goes on during the outage")
			default:
			}
			leave(pause == probeFirst)
		}
		if !<-goesOn {
			t.Error("fetching does not go on after the outage")
		}
		began := time.Now()
		(<-tries)(false)
		if time.Since(began) != 0 {
			t.Error("what waited for its turn waits on after the outage")
		}
	})
}

func TestAnOutageDoesNotOutlastTheConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutage(slog.New(slog.DiscardHandler))
		leave, _ := o.enter(t.Context())
		leave(true)
		ctx, cancel := context.WithCancel(t.Context())
		entered := make(chan bool)
		for range 2 { // one has its turn, the other waits for it
			go func() {
				_, ok := o.enter(ctx)
				entered <- ok
			}()
		}
		synctest.Wait()
		cancel()
		for range 2 {
			if <-entered {
				t.Error("an attempt is made after the end")
			}
		}
		if o.wait(ctx) {
			t.Error("fetching goes on after the end")
		}
	})
}
