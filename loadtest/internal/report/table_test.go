package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/loadtest/internal/report"
	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/result/resulttest"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

func TestTable(t *testing.T) {
	for name, r := range map[string]result.Result{
		"passed":     resulttest.Run{}.Result(),
		"failed":     failed(),
		"not_judged": notJudged(),
		"stream":     stream(),
		"merged":     merged(),
	} {
		t.Run(name, func(t *testing.T) {
			got := table(t, r, false)
			golden(t, filepath.Join("testdata", name+".txt"), got)
			for line := range strings.Lines(got) {
				line = strings.TrimSuffix(line, "\n")
				if utf8.RuneCountInString(line) > 80 {
					t.Errorf("wider than 80 columns: %s", line)
				}
			}
		})
	}
}

func TestColoursAddNoWords(t *testing.T) {
	plain, coloured := table(t, failed(), false), table(t, failed(), true)
	golden(t, filepath.Join("testdata", "failed_colour.txt"), coloured)
	for _, sequence := range []string{"\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m"} {
		if !strings.Contains(coloured, sequence) {
			t.Errorf("no %q", sequence)
		}
		coloured = strings.ReplaceAll(coloured, sequence, "")
	}
	if diff := cmp.Diff(plain, coloured); diff != "" {
		t.Errorf("(-plain +without its colours)\n%s", diff)
	}
}

func TestForeignTextDoesNotReachTheTerminalAsItIs(t *testing.T) {
	got := table(t, hostile(), false)
	for _, r := range got {
		if r != '\n' && r != '\u00a0' && !unicode.IsPrint(r) {
			t.Errorf("%q is in the table:\n%q", r, got)
		}
	}
}

func TestAnEmptyResult(t *testing.T) {
	for name, r := range map[string]result.Result{"zero": {}, "nothing was sent": {Verdict: result.NotJudged, Seconds: []result.Second{{}}}} {
		t.Run(name, func(t *testing.T) {
			if got := table(t, r, false); strings.Contains(got, "NaN") {
				t.Error(got)
			}
			if got := page(t, r); strings.Contains(got, "NaN") || strings.Contains(got, "Inf") {
				t.Error(got)
			}
		})
	}
}

// failed is a run during which consumers stood still.
func failed() result.Result {
	r := resulttest.Run{Seconds: 60, Invalid: 0.05, Refused: 0.01, Stall: [2]int{25, 35}}.Result()
	r.Settings.Mix["test-flaky"] = 0.02
	r.Reason = "e2e_p99<500ms does not hold since 26s, and http_error_rate<0.1% neither: 2 of 3 thresholds"
	r.Thresholds = append(r.Thresholds, result.Threshold{Text: "drain_seconds<30s", Metric: "drain_seconds"})
	r.Totals.Drain = -1
	r.Totals.Unfinished, r.Totals.Confirmed = 7, r.Totals.Confirmed-10
	r.Totals.Lost, r.Totals.Duplicated, r.Totals.Unexpected = 3, 1, 2
	r.Totals.Errors["timeout"] = 2
	r.Totals.Examples = []string{
		"lost: order 01a1fce2-242c-7b2d-a7f7-5d69ff18deaa, accepted at 27.1s, and no event of it since",
		"duplicated: order 01a1fce2-242c-7b2d-a7f7-5d69ff18dead, confirmed by two events",
	}
	return r
}

func notJudged() result.Result {
	r := resulttest.Run{Seconds: 10}.Result()
	r.Settings.Stages = []result.Stage{{Duration: 600, From: 100, To: 100}, {Duration: 90, From: 100, To: 20_000}, {Duration: 5400, From: 20_000, To: 20_000}}
	r.Verdict = result.NotJudged
	r.Reason = "the generator could not keep up: it sent 40% of what was due"
	r.Slowest = nil
	return r
}

// merged is a run of three shards out of four.
func merged() result.Result {
	r := resulttest.Run{}.Result()
	r.Environment = result.Environment{Mode: "standalone", Go: "go1.26.0", Redis: "7.0.15"}
	r.Verdict, r.Reason = result.NotJudged, "shard 3/4 is missing; shard 4/4: it began 3.20s late: what was due before was not offered"
	r.Shards = []result.Shard{
		{Number: 1, Of: 4, Machine: "Example CPU, 2 cores", Sent: 750, Accepted: 750, Finished: 750, DueToSent: 0.000412},
		{Number: 2, Of: 4, Machine: "Example CPU, 2 cores", Sent: 750, Accepted: 748, Finished: 748, DueToSent: 0.0121},
		{Number: 4, Of: 4, Machine: "Example CPU, 4 cores", Late: 3.2, Sent: 670, NotOffered: 80, Accepted: 670, Finished: 669, DueToSent: 0.000398},
	}
	return r
}

// stream is a run against Redis, without requests.
func stream() result.Result {
	r := resulttest.Run{Seconds: 20, Rate: 1000}.Result()
	r.Scenario, r.Settings.Target = "events", "stream"
	r.Latencies[result.StreamAdd] = r.Latencies[result.HTTP]
	delete(r.Latencies, result.HTTP)
	delete(r.Latencies, result.EndToEnd)
	r.Totals.Confirmed, r.Slowest = 0, nil
	for i := range r.Seconds {
		r.Seconds[i].EndToEnd = result.Band{}
	}
	return r
}

// hostile is a result in which every text is an attack on a terminal or a page.
func hostile() result.Result {
	const evil = "\x1b[2J\u202e\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}"
	r := failed()
	r.Scenario, r.Reason, r.Verdict = evil, evil, evil
	r.Settings.Arrivals, r.Settings.Target, r.Settings.Mix = evil, evil, map[string]float64{evil: 0.5}
	r.Environment = result.Environment{Mode: evil, OS: evil, CPU: evil, Go: evil, Redis: evil}
	r.Thresholds[0].Text, r.Thresholds[0].Metric = evil, evil
	r.Totals.Errors, r.Totals.DeadLettered = map[string]int{evil: 1}, map[string]int{evil: 1}
	r.Totals.Examples = []string{evil}
	r.Shards = []result.Shard{{Machine: evil}, {Machine: evil}}
	r.Slowest[0] = result.Order{ID: evil, SKU: evil, TraceID: evil, TraceURL: "javascript:alert(1)//" + evil, End: evil}
	return r
}

func table(t *testing.T, r result.Result, colour bool) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.Table(&out, r, colour); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); if it should, run the test with -update:\n%s", path, diff)
	}
}
