package report

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/result/resulttest"
)

func TestAxesHaveRoundTicks(t *testing.T) {
	for _, test := range []struct {
		axis axis
		want string
	}{
		{fromZero(1, result.Span), "0s 200ms 400ms 600ms 800ms 1s"},
		{fromZero(fewest, result.Number), "0 1 2 3 4 5"},
		{fromZero(9.99, result.Span), "0s 2s 4s 6s 8s 10s"},
		{fromZero(121, result.Number), "0 50 100 150"},
		{fromZero(80_000, result.Number), "0 20\u00a0000 40\u00a0000 60\u00a0000 80\u00a0000"},
		{decades(0.004, 0.02, result.Span), "1ms 10ms 100ms"},
		{decades(0.01, 0.01, result.Span), "10ms 100ms"},
		{decades(0.00006, 9.9, result.Span), "10µs 100µs 1ms 10ms 100ms 1s 10s"},
		{overTime(0), "0s 1s"},
		{overTime(33), "0s 10s 20s 30s"},
		{overTime(3603), "0s 20m 40m 1h"},
	} {
		var labels []string
		for _, tick := range test.axis.Ticks {
			labels = append(labels, tick.Label)
			if tick.At < 0 || tick.At > 100 {
				t.Errorf("%s is at %v%%", tick.Label, tick.At)
			}
		}
		if got := strings.Join(labels, " "); got != test.want {
			t.Errorf("ticks %s, want %s", got, test.want)
		}
	}
}

func TestWhereNothingWasMeasuredTheLineEnds(t *testing.T) {
	c := chart{X: axis{to: 5}, Y: axis{to: 10}}
	gap := math.NaN()
	lower := []point{{0, 0}, {1, 0}, {2, gap}, {3, 0}, {4, gap}}
	upper := []point{{0, 10}, {1, 5}, {2, gap}, {3, 10}, {4, gap}}
	c.line("line", upper)
	c.area("area", lower, upper)
	want := []shape{
		{"line", "M0.0 0.0L0.0 0.0L200.0 500.0" + "M600.0 0.0L600.0 0.0"},
		{"area", "M0.0 0.0L200.0 500.0L200.0 1000.0L0.0 1000.0Z" + "M600.0 0.0L600.0 1000.0Z"},
	}
	if diff := cmp.Diff(want, c.Shapes); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPercentilesAreTheHistograms(t *testing.T) {
	r := resulttest.Run{}.Result()
	all, err := distributions(r)
	if err != nil {
		t.Fatal(err)
	}
	c := percentiles("", "", all)
	late, http, endToEnd := r.Latencies[result.DueToSent], r.Latencies[result.HTTP], r.Latencies[result.EndToEnd]
	want := map[string][]string{
		"50%":   {result.Seconds(late.P50), result.Seconds(http.P50), result.Seconds(endToEnd.P50)},
		"99%":   {result.Seconds(late.P99), result.Seconds(http.P99), result.Seconds(endToEnd.P99)},
		"99.9%": {result.Seconds(late.P999), result.Seconds(http.P999), result.Seconds(endToEnd.P999)},
	}
	for _, row := range c.Rows {
		if cells, ok := want[row.Cells[0]]; ok {
			if diff := cmp.Diff(cells, row.Cells[1:]); diff != "" {
				t.Errorf("%s (-want +got)\n%s", row.Cells[0], diff)
			}
			delete(want, row.Cells[0])
		}
	}
	if len(want) > 0 {
		t.Errorf("no row for %v", want)
	}
}

func TestSecondsBecomeOnePointByTheirWorst(t *testing.T) {
	var seconds []result.Second
	for i := range 3 * mostPoints {
		seconds = append(seconds, result.Second{Offset: i, Sent: 10, LagMessages: i % 3, HTTP: result.Band{Count: 1, P99: float64(i % 3)}})
	}
	seconds[0].Errors = 1
	merged := merge(seconds)
	want := result.Second{Offset: 0, Sent: 10, Errors: 1, LagMessages: 2, HTTP: result.Band{Count: 3, P99: 2}}
	if diff := cmp.Diff(want, merged[0]); diff != "" || len(merged) != mostPoints {
		t.Errorf("%d points (-want +got)\n%s", len(merged), diff)
	}
}
