package load

import (
	"context"
	"testing"
	"time"

	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/schedule"
)

// sent remembers what was sent.
type sent []Arrival

func (s *sent) Send(_ context.Context, a Arrival) { *s = append(*s, a) }

func lamp(time.Duration) (string, bool) { return "lamp", true }

func steady(duration time.Duration, rate float64) schedule.Plan {
	return schedule.Plan{Stages: []schedule.Stage{{Duration: duration, From: rate, To: rate}}, Seed: 1}
}

func TestEveryArrivalIsOfferedWhenItIsDue(t *testing.T) {
	var got sent
	g := Generator{
		Plan: steady(200*ms, 500), SKU: lamp, Sender: &got, Scheduled: NewRecorder(0, time.Second).Scheduled, InFlight: func() int { return 0 }, MaxInFlight: 1,
	}
	start := time.Now()
	if err := g.Run(t.Context(), start); err != nil {
		t.Fatal(err)
	}
	if len(got) != 100 || got[99].Number != 99 || got[99].SKU != "lamp" || time.Since(start) < got[99].Due {
		t.Errorf("%d arrivals, the last %+v", len(got), got[len(got)-1])
	}
}

// What is not offered is counted, and does not hold up what comes after it.
func TestWhatIsTooMuchIsNotOffered(t *testing.T) {
	var got sent
	recorder := NewRecorder(0, time.Second)
	inFlight := 0
	g := Generator{
		Plan: steady(100*ms, 1000), SKU: lamp, Sender: &got, Scheduled: recorder.Scheduled, MaxInFlight: 3,
		InFlight: func() int { inFlight++; return inFlight % 5 },
	}
	if err := g.Run(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	var all result.Result
	recorder.Into(&all)
	if len(got) != 60 || all.Totals.Scheduled != 100 || all.Totals.NotOffered != 40 {
		t.Errorf("%d sent, totals %+v, want 60 of 100", len(got), all.Totals)
	}
}

// One of several generators offers its own arrivals at their times, and only counts those that were due before it began.
func TestAShardOffersItsOwn(t *testing.T) {
	var got sent
	recorder, n := NewRecorder(0, time.Second), 0
	g := Generator{
		Plan: steady(100*ms, 1000), SKU: func(time.Duration) (string, bool) { n++; return "lamp", n%4 == 2 }, Late: 50 * ms,
		Sender: &got, Scheduled: recorder.Scheduled, InFlight: func() int { return 0 }, MaxInFlight: 1,
	}
	if err := g.Run(t.Context(), time.Now().Add(-50*ms)); err != nil {
		t.Fatal(err)
	}
	var all result.Result
	recorder.Into(&all)
	if len(got) != 12 || got[0] != (Arrival{Number: 53, Due: 53500 * time.Microsecond, SKU: "lamp"}) ||
		all.Totals.Scheduled != 25 || all.Totals.NotOffered != 13 {
		t.Errorf("%+v, totals %+v, want 12 of 25 from number 53 on", got, all.Totals)
	}
}

func TestItEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var got sent
	g := Generator{
		Plan: steady(time.Hour, 10), SKU: lamp, Sender: &got, Scheduled: NewRecorder(0, time.Hour).Scheduled, InFlight: func() int { return 0 }, MaxInFlight: 1,
	}
	if err := g.Run(ctx, time.Now()); err == nil {
		t.Error("no error")
	}
}
