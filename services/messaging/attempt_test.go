package messaging

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

type attemptKey struct{}

// An attempt is like a context of package context, whatever it is asked first.
func TestAnAttemptIsAContext(t *testing.T) {
	for name, first := range map[string]func(context.Context){
		"nothing":  func(context.Context) {},
		"its end":  func(ctx context.Context) { ctx.Done() },
		"an error": func(ctx context.Context) { _ = ctx.Err() },
		"a child":  func(ctx context.Context) { context.AfterFunc(ctx, func() {}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAttempt(context.WithValue(t.Context(), attemptKey{}, "value"), time.Second)
				if deadline, ok := a.Deadline(); !ok || time.Until(deadline) != time.Second {
					t.Errorf("deadline %s, %t", deadline, ok)
				}
				first(a)
				if a.Value(attemptKey{}) != "value" {
					t.Error("it does not know its parent's values")
				}
				child, cancel := context.WithCancel(a)
				defer cancel()
				if a.Err() != nil || child.Err() != nil {
					t.Fatal("it ended before its time")
				}
				time.Sleep(time.Second)
				<-child.Done()
				if !errors.Is(a.Err(), context.DeadlineExceeded) || !errors.Is(child.Err(), context.DeadlineExceeded) {
					t.Errorf("errors %v and %v", a.Err(), child.Err())
				}
			})
		})
	}
}

func TestAnAttemptEndsWithItsHandler(t *testing.T) {
	before, after := newAttempt(t.Context(), time.Hour), newAttempt(t.Context(), time.Hour)
	done := before.Done()
	before.end()
	after.end()
	<-done
	<-after.Done()
	if !errors.Is(before.Err(), context.Canceled) || !errors.Is(after.Err(), context.Canceled) {
		t.Errorf("errors %v and %v", before.Err(), after.Err())
	}
	if time.Until(after.deadline) < time.Minute {
		t.Error("its deadline changed")
	}
}

func TestAnAttemptEndsWithTheConsumersWork(t *testing.T) {
	work, cancel := context.WithCancel(t.Context())
	a := newAttempt(work, time.Hour)
	cancel()
	<-a.Done()
	if !errors.Is(a.Err(), context.Canceled) {
		t.Errorf("error %v", a.Err())
	}
}
