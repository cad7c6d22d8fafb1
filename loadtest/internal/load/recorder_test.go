package load

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/loadtest/internal/result"
)

const ms = time.Millisecond

func TestTheWarmUpIsInTheSecondsAndNotInTheTotals(t *testing.T) {
	r := NewRecorder(time.Second, 3*time.Second)
	for _, due := range []time.Duration{500 * ms, 1500 * ms, 2500 * ms} {
		r.Scheduled(due, true)
		r.Answered(result.HTTP, due, ms, 20*ms, "")
		r.Ended(result.Order{ID: due.String(), DueAt: due.Seconds(), EndToEnd: 0.8}, true)
	}
	r.Scheduled(2600*ms, false)
	r.Scheduled(2700*ms, true)
	r.Answered(result.HTTP, 2700*ms, ms, 5*ms, "503")
	r.Level(3100*ms, Levels{InFlight: 3, LagSeconds: 2, Pending: 1})
	r.Level(3900*ms, Levels{InFlight: 1, LagSeconds: 1})

	var got result.Result
	r.Into(&got)
	totals := result.Totals{Scheduled: 4, NotOffered: 1, Sent: 3, Accepted: 2, Errors: map[string]int{"503": 1}}
	if diff := cmp.Diff(totals, got.Totals); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
	answer := result.Band{Count: 1, P50: 0.02, P90: 0.02, P99: 0.02, Max: 0.02}
	end := result.Band{Count: 1, P50: 0.8, P90: 0.8, P99: 0.8, Max: 0.8}
	seconds := []result.Second{
		{Offset: 0, WarmUp: true, Scheduled: 1, Sent: 1, OK: 1, HTTP: answer, EndToEnd: end},
		{Offset: 1, Scheduled: 1, Sent: 1, OK: 1, Finished: 1, HTTP: answer, EndToEnd: end},
		{
			Offset: 2, Scheduled: 3, NotOffered: 1, Sent: 2, OK: 1, Errors: 1, Finished: 1,
			HTTP: result.Band{Count: 2, P50: 0.02, P90: 0.02, P99: 0.02, Max: 0.02}, EndToEnd: end,
		},
		{Offset: 3, Draining: true, Finished: 1, InFlight: 1, LagSeconds: 2},
	}
	if diff := cmp.Diff(seconds, got.Seconds); diff != "" {
		t.Errorf("seconds (-want +got):\n%s", diff)
	}
	for name, want := range map[string]int64{result.DueToSent: 3, result.HTTP: 2, result.EndToEnd: 2} {
		if got := got.Latencies[name].Count; got != want {
			t.Errorf("%d latencies %s, want %d", got, name, want)
		}
	}
}

func TestTheTenSlowestAreKept(t *testing.T) {
	r := NewRecorder(0, time.Minute)
	for i := range 30 {
		r.Ended(result.Order{ID: fmt.Sprint(i * 7 % 30), EndToEnd: float64(i * 7 % 30)}, true)
	}
	var got result.Result
	r.Into(&got)
	var ids []string
	for _, o := range got.Slowest {
		ids = append(ids, o.ID)
	}
	if diff := cmp.Diff([]string{"29", "28", "27", "26", "25", "24", "23", "22", "21", "20"}, ids); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsKnownSoFarIsExact(t *testing.T) {
	r := NewRecorder(0, time.Minute)
	for i, took := range []time.Duration{50 * ms, 10 * ms, 30 * ms, 20 * ms, 40 * ms} {
		r.Answered(result.HTTP, 0, 0, took, "")
		var got result.Result
		r.Into(&got)
		want := [5]result.Band{
			{Count: 1, P50: 0.05, P90: 0.05, P99: 0.05, Max: 0.05},
			{Count: 2, P50: 0.05, P90: 0.05, P99: 0.05, Max: 0.05},
			{Count: 3, P50: 0.03, P90: 0.05, P99: 0.05, Max: 0.05},
			{Count: 4, P50: 0.03, P90: 0.05, P99: 0.05, Max: 0.05},
			{Count: 5, P50: 0.03, P90: 0.05, P99: 0.05, Max: 0.05},
		}
		if diff := cmp.Diff(want[i], got.Seconds[0].HTTP); diff != "" {
			t.Errorf("after %d answers (-want +got):\n%s", i+1, diff)
		}
	}
}

func TestALongRunKeepsBandsAndNotEachLatency(t *testing.T) {
	r := NewRecorder(0, time.Hour)
	r.Answered(result.HTTP, 0, 0, 20*ms, "")
	r.Level(keepFor+2*time.Second, Levels{})
	if s := r.seconds[0]; s.http != nil || s.HTTP.Count != 1 {
		t.Errorf("the first second is %+v, want its band alone", s)
	}
	r.Answered(result.HTTP, 0, 0, time.Minute, "") // an answer that took longer
	if s := r.seconds[0]; s.http != nil || s.OK != 2 {
		t.Errorf("the first second is %+v, want it counted and not kept", s)
	}
	var got result.Result
	r.Into(&got)
	if s := got.Seconds[0]; s.HTTP.Count != 1 {
		t.Errorf("the first second is %+v, want its band as it was", s)
	}
}
