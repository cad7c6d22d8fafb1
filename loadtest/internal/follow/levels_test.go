package follow_test

import (
	"fmt"
	"testing"
	"time"

	"example.com/clew/loadtest/internal/follow"
)

// levels returns a sample begun after the call.
func (r *run) levels() follow.Levels {
	r.t.Helper()
	began := time.Now()
	var l follow.Levels
	eventually(r.t, "a sample", func() error {
		if l = r.Levels(); l.Err != nil || !l.At.After(began) {
			return fmt.Errorf("%+v", l)
		}
		return nil
	})
	return l
}

func TestLagAndPending(t *testing.T) {
	r := start(newSystem(t, 2), follow.Config{})
	if l := r.levels(); l.LagMessages != 0 || l.LagSeconds != 0 || l.Pending != 0 {
		t.Errorf("at the start: %+v", l)
	}

	// An entry's age is what its id says.
	old := time.Now().Add(-time.Hour).UnixMilli()
	for i := range 4 {
		r.do("XADD", key("orders", i%2), fmt.Sprintf("%d-%d", old, i), "type", "x")
	}
	r.do("XADD", key("stock", 0), "*", "type", "x")
	l := r.levels()
	if l.LagMessages != 4 || l.Pending != 0 || l.LagSeconds < 3600 || l.LagSeconds > 3700 {
		t.Errorf("undelivered: %+v, want the 4 messages of inventory, an hour old", l)
	}

	for p := range 2 {
		r.do("XREADGROUP", "GROUP", "inventory", "c", "COUNT", 1, "STREAMS", key("orders", p), ">")
	}
	if l := r.levels(); l.LagMessages != 2 || l.Pending != 2 {
		t.Errorf("half delivered: %+v, want 2 and 2 pending", l)
	}
}

// More than are counted one by one.
func TestALongLag(t *testing.T) {
	r := start(newSystem(t, 1), follow.Config{Pings: true})
	for range 2500 {
		r.do("XADD", key("orders", 0), "*", "type", "x")
	}
	if l := r.levels(); l.LagMessages != 2500 {
		t.Errorf("lag %d, want 2500", l.LagMessages)
	}
}

// Redis 7.0 itself reports a lag for ever after undelivered entries were trimmed, and none for a group that began in
// the middle.
func TestALagThatRedisHasWrong(t *testing.T) {
	s := newSystem(t, 1)
	for range 5 {
		s.do("XADD", key("orders", 0), "*", "type", "x")
	}
	s.do("XTRIM", key("orders", 0), "MAXLEN", 2)
	s.work()
	r := start(s, follow.Config{})
	if l := r.levels(); l.LagMessages != 0 {
		t.Errorf("after a trim: lag %d, want 0", l.LagMessages)
	}
	s.do("XGROUP", "DESTROY", key("orders", 0), "inventory")
	s.do("XGROUP", "CREATE", key("orders", 0), "inventory", "$")
	s.do("XADD", key("orders", 0), "*", "type", "x")
	if l := r.levels(); l.LagMessages != 1 {
		t.Errorf("of a group that began in the middle: lag %d, want 1", l.LagMessages)
	}
}
