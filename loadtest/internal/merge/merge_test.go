package merge_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"example.com/clew/loadtest/internal/load"
	"example.com/clew/loadtest/internal/merge"
	"example.com/clew/loadtest/internal/result"
)

// part returns the result of a shard that recorded nothing.
func part(number, of int) merge.Part {
	return merge.Part{Path: fmt.Sprintf("%d.json", number), Result: result.Result{
		Version: result.Version, Scenario: "steady", Started: time.Date(2026, 11, 29, 20, 0, 0, 0, time.UTC),
		Settings: result.Settings{
			Target: "http", Arrivals: "constant", Seed: 1, WarmUp: 1, Stages: []result.Stage{{Duration: 5, From: 100, To: 100}},
		},
		Environment: result.Environment{CPU: "Example CPU", Cores: 2, Go: "go1.26.0", Redis: "7.0.15"},
		Verdict:     result.Passed,
		Thresholds:  []result.Threshold{{Text: "e2e_p99<500ms"}, {Text: "http_error_rate<10%"}},
		Totals:      result.Totals{Sent: 10, Accepted: 10, DeadLettered: map[string]int{}},
		Shards:      []result.Shard{{Number: number, Of: of}},
	}}
}

// What the parts of a recording give together is what the whole gives.
func TestMergedPartsAreTheWhole(t *testing.T) {
	latency := rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(math.Pow(10, rapid.Float64Range(0, 7).Draw(t, "exponent"))) * time.Microsecond
	})
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.IntRange(1, 5).Draw(t, "shards")
		whole, shards := load.NewRecorder(time.Second, 5*time.Second), make([]*load.Recorder, of)
		for i := range shards {
			shards[i] = load.NewShardRecorder(time.Second, 5*time.Second)
		}
		for i := range rapid.IntRange(1, 60).Draw(t, "orders") {
			due := time.Duration(rapid.IntRange(0, 4_999).Draw(t, "due")) * time.Millisecond
			late, took, end := latency.Draw(t, "late"), latency.Draw(t, "took"), latency.Draw(t, "end")
			problem := rapid.SampledFrom([]string{"", "", "", "503", "timeout"}).Draw(t, "problem")
			offered := rapid.IntRange(0, 9).Draw(t, "offered") > 0
			for _, r := range []*load.Recorder{whole, shards[rapid.IntRange(0, of-1).Draw(t, "shard")]} {
				r.Scheduled(due, offered)
				if !offered {
					continue
				}
				r.Answered(result.HTTP, due, late, took, problem)
				if problem == "" {
					r.Ended(result.Order{ID: fmt.Sprint(i), DueAt: due.Seconds(), EndToEnd: end.Seconds()}, true)
				}
			}
		}
		want := part(1, of).Result
		whole.Into(&want)
		var parts []merge.Part
		for i, r := range shards {
			p := part(i+1, of)
			r.Settle()
			r.Into(&p.Result)
			parts = append(parts, p)
		}
		got, err := merge.Merge(parts)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Totals, got.Totals, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("totals (-whole +merged):\n%s", diff)
		}
		if diff := cmp.Diff(want.Latencies, got.Latencies); diff != "" { // to the last bucket
			t.Errorf("latencies (-whole +merged):\n%s", diff)
		}
		bucket := cmpopts.EquateApprox(0.001, 1e-6)
		if diff := cmp.Diff(want.Seconds, got.Seconds, bucket); diff != "" {
			t.Errorf("seconds (-whole +merged):\n%s", diff)
		}
		times := cmp.Transformer("times", func(o result.Order) float64 { return o.EndToEnd }) // of orders that took as long, any may be kept
		if diff := cmp.Diff(want.Slowest, got.Slowest, times); diff != "" {
			t.Errorf("slowest (-whole +merged):\n%s", diff)
		}
	})
}

// What is the system's is not added.
func TestEachShardSeesTheWholeSystem(t *testing.T) {
	a, b := part(1, 2), part(2, 2)
	a.Totals.Drain, b.Totals.Drain = 0.5, 0.75
	a.Totals.Unfinished, b.Totals.Unfinished = 2, 3
	a.Totals.DeadLettered, b.Totals.DeadLettered = map[string]int{"permanent": 4}, map[string]int{"permanent": 1, "exhausted": 1}
	a.Seconds = []result.Second{{InFlight: 3, LagMessages: 5, LagSeconds: 0.25, Pending: 7, DeadLetters: 1}}
	b.Seconds = []result.Second{{InFlight: 4, LagMessages: 4, LagSeconds: 0.5, Pending: 2, DeadLetters: 2}, {Offset: 1, LagMessages: 1}}
	got, err := merge.Merge([]merge.Part{a, b})
	if err != nil {
		t.Fatal(err)
	}
	want := []result.Second{{InFlight: 7, LagMessages: 5, LagSeconds: 0.5, Pending: 7, DeadLetters: 2}, {Offset: 1, LagMessages: 1}}
	if diff := cmp.Diff(want, got.Seconds); diff != "" {
		t.Errorf("seconds (-want +got):\n%s", diff)
	}
	if dead := got.Totals.DeadLettered; got.Totals.Drain != 0.75 || got.Totals.Unfinished != 5 || dead["permanent"] != 5 || dead["exhausted"] != 1 {
		t.Errorf("%+v, want the longer drain, and the orders of both", got.Totals)
	}
	a.Settings.Target, b.Settings.Target = "stream", "stream" // events are no shard's own
	a.Totals.Drain = -1
	if got, err = merge.Merge([]merge.Part{a, b}); err != nil {
		t.Fatal(err)
	}
	if dead := got.Totals.DeadLettered; got.Totals.Drain >= 0 || got.Totals.Unfinished != 3 || dead["permanent"] != 4 || dead["exhausted"] != 1 {
		t.Errorf("%+v, want no drain, and the most that one saw", got.Totals)
	}
}

// A verdict is one of the whole load.
func TestVerdict(t *testing.T) {
	slow := func(p *merge.Part) {
		latencies := result.NewRecorder()
		latencies.Record(time.Second)
		p.Latencies = map[string]result.Histogram{result.EndToEnd: latencies.Histogram()}
	}
	fast := func(p *merge.Part) {
		latencies := result.NewRecorder()
		for range 200 {
			latencies.Record(time.Millisecond)
		}
		p.Latencies = map[string]result.Histogram{result.EndToEnd: latencies.Histogram()}
	}
	for name, test := range map[string]struct {
		change          func(parts []merge.Part) []merge.Part
		verdict, reason string
	}{
		"all fast":  {func(p []merge.Part) []merge.Part { slices.Reverse(p); return p }, result.Passed, ""},
		"one order": {func(p []merge.Part) []merge.Part { slow(&p[1]); p[1].Verdict = result.Failed; return p }, result.Passed, ""},
		"all slow": {
			func(p []merge.Part) []merge.Part { slow(&p[0]); slow(&p[1]); slow(&p[2]); slow(&p[3]); return p },
			result.Failed, "",
		},
		"one errs": {
			func(p []merge.Part) []merge.Part { p[3].Totals.Errors = map[string]int{"503": 5}; return p }, result.Failed, "",
		},
		"one is missing":  {func(p []merge.Part) []merge.Part { return p[1:] }, result.NotJudged, "shard 1/4 is missing"},
		"two are missing": {func(p []merge.Part) []merge.Part { return p[1:3] }, result.NotJudged, "shards 1/4, 4/4 are missing"},
		"one was late": {
			func(p []merge.Part) []merge.Part {
				p[2].Verdict, p[2].Reason, p[2].Shards[0].Late = result.NotJudged, "it began 3.00s late", 3
				return p
			},
			result.NotJudged, "shard 3/4: it began 3.00s late",
		},
		"one was interrupted": {
			func(p []merge.Part) []merge.Part { p[2].Reason = "interrupted after 4s"; return p },
			result.Passed, "shard 3/4: interrupted after 4s",
		},
		"nothing was accepted": {
			func(p []merge.Part) []merge.Part {
				for i := range p {
					p[i].Totals.Accepted, p[i].Totals.Errors = 0, map[string]int{"503": 10}
				}
				return p
			},
			result.NotJudged, "the target accepted nothing: 40 answers were 503",
		},
	} {
		parts := []merge.Part{part(1, 4), part(2, 4), part(3, 4), part(4, 4)}
		for i := range parts {
			fast(&parts[i])
		}
		got, err := merge.Merge(test.change(parts))
		if err != nil || got.Verdict != test.verdict || got.Reason != test.reason || len(got.Thresholds) != 2 {
			t.Errorf("%s: %s: %s, error %v, want %s: %s", name, got.Verdict, got.Reason, err, test.verdict, test.reason)
		}
	}
}

func TestWhatIsNotOfOneRunIsRefused(t *testing.T) {
	for want, change := range map[string]func(*merge.Part){
		"2.json is not of a shard: expected a result of loadtest run --shard":     func(p *merge.Part) { p.Shards = nil },
		"2.json is not of a shard: expected":                                      func(p *merge.Part) { p.Shards = append(p.Shards, p.Shards[0]) },
		"2.json is a damaged result: shard \"5/4\"":                               func(p *merge.Part) { p.Shards[0].Number = 5 },
		"1.json and 2.json are both of shard 1/4: name each once":                 func(p *merge.Part) { p.Shards[0].Number = 1 },
		"2.json is not of the same run as 1.json: number of shards 3, expected 4": func(p *merge.Part) { p.Shards[0].Of = 3 },
		"scenario spike, expected steady":                                         func(p *merge.Part) { p.Scenario = "spike" },
		"seed 2, expected 1":                                                      func(p *merge.Part) { p.Settings.Seed = 2 },
		"load 50/s for 5s, constant, warm-up 1s, expected 100/s for 5s":           func(p *merge.Part) { p.Settings.Stages = []result.Stage{{Duration: 5, From: 50, To: 50}} },
		"thresholds e2e_p99<500ms, expected e2e_p99<500ms http_error_rate<10%":    func(p *merge.Part) { p.Thresholds = p.Thresholds[:1] },
		"start 2026-11-29T20:01:00Z, expected 2026-11-29T20:00:00Z":               func(p *merge.Part) { p.Started = p.Started.Add(time.Minute) },
		`settings {"target":"http","arrivals":"constant",`:                        func(p *merge.Part) { p.Settings.MaxInFlight = 7 },
		"merge the latencies http: 1 values are above 10m0s": func(p *merge.Part) {
			p.Latencies = map[string]result.Histogram{result.HTTP: tooLong()}
		},
		"merge second 0": func(p *merge.Part) { p.Seconds = []result.Second{{HTTP: result.Band{Count: 1}}} },
	} {
		p := part(2, 4)
		change(&p)
		_, err := merge.Merge([]merge.Part{part(1, 4), p})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want a line with %q", err, want)
		}
	}
}

// tooLong is of another program, whose histograms have values that ours do not.
func tooLong() result.Histogram {
	values := hdrhistogram.New(1, time.Hour.Microseconds(), 3)
	if err := values.RecordValue(time.Hour.Microseconds()); err != nil {
		panic(err)
	}
	encoded, err := values.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic(err)
	}
	return result.Histogram{Count: 1, Encoded: string(encoded)}
}
