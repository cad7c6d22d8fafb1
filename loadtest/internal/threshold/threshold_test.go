package threshold_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/threshold"
)

// run is one of each thing that thresholds look at: a warm-up, an outage in seconds 2 and 3, and a drain.
func run() result.Result {
	return result.Result{
		Totals: result.Totals{
			Scheduled: 1000, Sent: 990, Accepted: 980, Errors: map[string]int{"503": 6, "timeout": 4},
			DeadLettered: map[string]int{"permanent": 40, "exhausted": 9},
			Unfinished:   3, Lost: 2, Duplicated: 1, Unexpected: 5, Drain: 2.5,
		},
		Latencies: map[string]result.Histogram{
			result.EndToEnd:  {Count: 980, P50: 0.05, P90: 0.1, P99: 0.4, P999: 0.9, Max: 1.5},
			result.HTTP:      {Count: 980, P50: 0.001, P90: 0.002, P99: 0.003, P999: 0.004, Max: 0.005},
			result.DueToSent: {Count: 990, P50: 0.0001, P90: 0.0002, P99: 0.0003, P999: 0.0004, Max: 0.0005},
			result.StreamAdd: {},
		},
		Seconds: []result.Second{
			{Offset: 0, WarmUp: true, LagSeconds: 99, Errors: 50, DeadLetters: 30},
			{Offset: 1, LagSeconds: 0.2, DeadLetters: 31},
			{Offset: 2, LagSeconds: 3, Errors: 4, DeadLetters: 40},
			{Offset: 3, LagSeconds: 6, Errors: 6, DeadLetters: 60},
			{Offset: 4, Draining: true, LagSeconds: 7, DeadLetters: 79},
			{Offset: 5, Draining: true, LagSeconds: 1, DeadLetters: 79},
			{Offset: 6, Draining: true, DeadLetters: 79},
		},
	}
}

func TestEvaluate(t *testing.T) {
	type outcome struct {
		value     *float64
		holds     bool
		crossedAt *float64
	}
	at := func(seconds float64) *float64 { return &seconds }
	value := at
	tests := map[string]outcome{
		"e2e_p50<50ms":            {value(0.05), false, nil},
		"e2e_p50<=50ms":           {value(0.05), true, nil},
		"e2e_p90<0.11s":           {value(0.1), true, nil},
		"e2e_p99<500ms":           {value(0.4), true, nil},
		"e2e_p999<500ms":          {value(0.9), false, nil},
		"e2e_max>1s":              {value(1.5), true, nil},
		"http_p99<2999us":         {value(0.003), false, nil},
		"http_max==5ms":           {value(0.005), true, nil},
		"due_to_sent_p99<1ms":     {value(0.0003), true, nil},
		"add_p99<1s":              {nil, false, nil}, // not measured
		"http_error_rate<2%":      {value(10.0 / 990), true, nil},
		"http_error_rate<0.5%":    {value(10.0 / 990), false, at(3)}, // 4 of 990 was still fewer
		"http_error_rate<0.1%":    {value(10.0 / 990), false, at(2)},
		"http_error_rate>2%":      {value(10.0 / 990), false, nil}, // it can't be crossed upwards
		"achieved_rate>=99%":      {value(0.99), true, nil},
		"achieved_rate>99%":       {value(0.99), false, nil},
		"achieved_rate==99%":      {value(0.99), true, nil}, // 99% is exactly 990 of 1000
		"dlq_rate<=5%":            {value(0.05), true, nil},
		"dlq_rate<3%":             {value(0.05), false, at(1)}, // 30 of 980 in the warm-up are too many already
		"dlq_rate<4%":             {value(0.05), false, at(2)},
		"lag_seconds_max<5s":      {value(7), false, at(3)},
		"lag_seconds_max<=6s":     {value(7), false, at(4)}, // while draining
		"lag_seconds_max<10s":     {value(7), true, nil},    // the warm-up had 99
		"lag_seconds_max>=10s":    {value(7), false, nil},
		"drain_seconds<30s":       {value(2.5), true, nil},
		"drain_seconds<2s":        {value(2.5), false, at(5)},
		"lost==0":                 {value(2), false, nil},
		"duplicates<=1":           {value(1), true, nil},
		"unfinished==0":           {value(3), false, nil},
		"unexpected<10":           {value(5), true, nil},
		" lag_seconds_max <  5 s": {value(7), false, at(3)},
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			plain := strings.ReplaceAll(text, " ", "")
			want := result.Threshold{
				Text:   plain,
				Metric: plain[:strings.IndexAny(plain, "<>=")],
				Value:  want.value, Holds: want.holds, CrossedAt: want.crossedAt,
			}
			if diff := cmp.Diff(want, parse(t, text).Evaluate(run())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatWasNotMeasuredDoesNotHold(t *testing.T) {
	for _, text := range valid {
		got := parse(t, text).Evaluate(result.Result{})
		if got.Holds || got.Value != nil || got.CrossedAt != nil {
			t.Errorf("%s of no run at all: %+v", text, got)
		}
	}
	never := run()
	never.Totals.Drain = -1
	got := parse(t, "drain_seconds<3s").Evaluate(never)
	if got.Holds || got.Value != nil || got.CrossedAt == nil || *got.CrossedAt != 6 {
		t.Errorf("a drain that never ended: %+v, want it to be crossed in the third second of draining, 6", got)
	}
}

func TestTargets(t *testing.T) {
	tests := map[string]string{
		"e2e_p99<1s": "http", "http_max<1s": "http", "http_error_rate<1%": "http", "lost==0": "http", "duplicates==0": "http",
		"add_p99<1s": "stream", "add_error_rate<1%": "stream",
		"due_to_sent_p99<1ms": "both", "lag_seconds_max<1s": "both", "unfinished==0": "both", "achieved_rate>=99%": "both",
	}
	for text, want := range tests {
		threshold := parse(t, text)
		got := map[[2]bool]string{{true, false}: "http", {false, true}: "stream", {true, true}: "both"}[[2]bool{
			threshold.Measured("http"), threshold.Measured("stream"),
		}]
		if got != want {
			t.Errorf("%s is measured by %q, want %q", text, got, want)
		}
	}
}

func TestErrorsSayWhatWouldBeRight(t *testing.T) {
	tests := map[string]string{
		"":                       `threshold "": expected a metric, an operator and a value, as in e2e_p99<500ms`,
		"e2e_p99":                `threshold "e2e_p99": expected a metric, an operator and a value, as in e2e_p99<500ms`,
		"e2e_p99<-1s":            `threshold "e2e_p99<-1s": expected a metric, an operator and a value, as in e2e_p99<500ms`,
		"e2e_p99<1s\ne2e_p50<1s": `threshold "e2e_p99<1s\ne2e_p50<1s": expected a metric, an operator and a value, as in e2e_p99<500ms`,
		"e2e_p99<500":            `threshold "e2e_p99<500": e2e_p99 is a time and needs us, ms or s, as in e2e_p99<500ms`,
		"e2e_p99<5m":             `threshold "e2e_p99<5m": e2e_p99 is a time and needs us, ms or s, as in e2e_p99<500ms`,
		"e2e_p99<5%":             `threshold "e2e_p99<5%": e2e_p99 is a time and needs us, ms or s, as in e2e_p99<500ms`,
		"http_error_rate<=0.1":   `threshold "http_error_rate<=0.1": http_error_rate is a share and needs %, as in http_error_rate<=0.1%`,
		"http_error_rate<1s":     `threshold "http_error_rate<1s": http_error_rate is a share and needs %, as in http_error_rate<0.1%`,
		"achieved_rate>=101%":    `threshold "achieved_rate>=101%": achieved_rate is a share, and no share is over 100%`,
		"lost==0s":               `threshold "lost==0s": lost is a count and has no unit, as in lost==0`,
		"lost<0.5":               `threshold "lost<0.5": lost is a count, and no count is 0.5`,
		"lost=0":                 `threshold "lost=0": = is no operator; there are < <= > >= ==`,
		"e2e_p95<1s":             `threshold "e2e_p95<1s": no metric is called e2e_p95; did you mean e2e_p90?`,
		"http_errors_rate<1%":    `threshold "http_errors_rate<1%": no metric is called http_errors_rate; did you mean http_error_rate?`,
		"duplicated==0":          `threshold "duplicated==0": no metric is called duplicated; did you mean duplicates?`,
		"E2E_P99<1s":             `threshold "E2E_P99<1s": no metric is called E2E_P99; did you mean e2e_p99?`,
		"apdex>1": `threshold "apdex>1": no metric is called apdex; there are achieved_rate, add_error_rate, add_max, add_p50, ` +
			`add_p90, add_p99, add_p999, dlq_rate, drain_seconds, due_to_sent_max, due_to_sent_p50, due_to_sent_p90, due_to_sent_p99, ` +
			`due_to_sent_p999, duplicates, e2e_max, e2e_p50, e2e_p90, e2e_p99, e2e_p999, http_error_rate, http_max, http_p50, http_p90, ` +
			`http_p99, http_p999, lag_seconds_max, lost, unexpected, unfinished`,
		"lost<" + strings.Repeat("9", 400): `threshold "lost<` + strings.Repeat("9", 400) + `": ` + strings.Repeat("9", 400) + ` is too large a number`,
	}
	for text, want := range tests {
		if _, err := threshold.Parse(text); err == nil || err.Error() != want {
			t.Errorf("got:\n%v\nwant:\n%s", err, want)
		}
	}
}

// Every value is on one side of a bound, or equal to it.
func TestOperators(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lost := rapid.IntRange(0, 5).Draw(t, "lost")
		r := result.Result{Totals: result.Totals{Sent: 1, Lost: lost}}
		holds := map[string]bool{}
		for _, operator := range []string{"<", "<=", ">", ">=", "=="} {
			holds[operator] = parse(t, "lost"+operator+"3").Evaluate(r).Holds
		}
		want := map[string]bool{"<": lost < 3, "<=": lost <= 3, ">": lost > 3, ">=": lost >= 3, "==": lost == 3}
		if diff := cmp.Diff(want, holds); diff != "" {
			t.Fatalf("%d against 3 (-want +got):\n%s", lost, diff)
		}
	})
}

var valid = []string{
	"e2e_p99<500ms", "http_p999<=1.5s", "due_to_sent_max<250us", "http_error_rate<0.1%", "achieved_rate>=99%", "dlq_rate==0%",
	"lag_seconds_max<5s", "drain_seconds<30s", "lost==0", "unfinished<=10",
}

// What is written out reads back as the same, and nothing makes Parse fall over or answer with more than a line.
func FuzzParse(f *testing.F) {
	for _, text := range valid {
		f.Add(text)
	}
	f.Add(" e2e_p99 \t< 5 ms ")
	f.Add("lost==٣")
	f.Fuzz(func(t *testing.T, text string) {
		first, err := threshold.Parse(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("an error of several lines: %q", err)
			}
			return
		}
		second := parse(t, first.String())
		if first != second || strings.ContainsAny(first.String(), " \t\n") {
			t.Errorf("%q became %q and then %q", text, first, second)
		}
	})
}

func parse(t interface{ Fatal(args ...any) }, text string) threshold.Threshold {
	parsed, err := threshold.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
