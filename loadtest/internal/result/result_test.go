package result_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/result/resulttest"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	want := resulttest.Run{Invalid: 0.05, Stall: [2]int{10, 13}}.Result()
	path := filepath.Join(t.TempDir(), "result.json")
	for range 2 { // the second time over the first
		if err := errors.Join(result.Check(path), want.Write(path)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := result.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-written +read)\n%s", diff)
	}
	onlyFile(t, path)
}

func TestAFileStaysAsItWasIfItsReplacementFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	full := errors.New("the disk is full")
	err := result.Replace(path, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half of it")
		return full
	})
	if !errors.Is(err, full) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want the cause and the path", err)
	}
	if content, _ := os.ReadFile(path); string(content) != "before" {
		t.Errorf("the file has %q", content)
	}
	onlyFile(t, path)
}

func TestReplacingKeepsModeAndLink(t *testing.T) {
	folder := t.TempDir()
	file, link := filepath.Join(folder, "file"), filepath.Join(folder, "link")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	if err := result.Replace(link, func(w io.Writer) error { _, err := io.WriteString(w, "after"); return err }); err != nil {
		t.Fatal(err)
	}
	content, _ := os.ReadFile(file)
	info, err := os.Stat(file)
	if err != nil || string(content) != "after" || info.Mode().Perm() != 0o600 {
		t.Errorf("content %q, mode %v, error %v", content, info.Mode(), err)
	}
	if target, _ := os.Readlink(link); target != file {
		t.Error("the link was replaced")
	}
}

func TestPathsThatCannotBeWritten(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"":                               "without the name",
		folder:                           "it is a folder",
		filepath.Join(folder, "no", "f"): "create it",
		filepath.Join(file, "f"):         "not a directory",
	} {
		for what, err := range map[string]error{"check": result.Check(path), "write": result.Result{}.Write(path)} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %q: %v, want %q", what, path, err, want)
			}
		}
	}
	onlyFile(t, file)
}

// A pod's log has the result, and what else was said.
func TestAResultIsFoundInALog(t *testing.T) {
	want := resulttest.Run{}.Result()
	path := filepath.Join(t.TempDir(), "pod.log")
	if err := want.Write(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log := "loadtest: {the first line}\n" + string(text) + "loadtest: {the last line}\n"
	if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := result.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-written +read)\n%s", diff)
	}
}

func TestWhatIsNoResultSaysSo(t *testing.T) {
	for content, want := range map[string]string{
		"":                           "is not a result",
		"<html>":                     "is not a result",
		"[]":                         "is not a result",
		"{}":                         "it has no version",
		`{"version":2}`:              "has version 2 of a result's layout, and this program reads version 1",
		`{"version":2,"a":`:          "is not a result",
		`{"version":1,"mix":[`:       "is not a result",
		`{"version":1,"seconds":{}}`: "damaged",
		`{"version":1,"latencies":{"http":{"encoded":"Hist"}}}`: "damaged result: latency http",
	} {
		path := filepath.Join(t.TempDir(), "result.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := result.Read(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, want %q and the path", content, err, want)
		}
	}
	if _, err := result.Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestRecorder(t *testing.T) {
	recorder := result.NewRecorder()
	var all sync.WaitGroup
	for worker := range 4 { // 1 ms to 10 s, each millisecond once
		all.Go(func() {
			for i := worker; i < 10_000; i += 4 {
				recorder.Record(time.Duration(i+1) * time.Millisecond)
			}
		})
	}
	all.Wait()
	h := recorder.Histogram()
	if h.Count != 10_000 {
		t.Errorf("count %d", h.Count)
	}
	for name, pair := range map[string][2]float64{
		"mean": {h.Mean, 5.0005}, "p50": {h.P50, 5}, "p90": {h.P90, 9}, "p99": {h.P99, 9.9}, "p99.9": {h.P999, 9.99}, "max": {h.Max, 10},
	} {
		if got, want := pair[0], pair[1]; math.Abs(got-want)/want > 0.001 {
			t.Errorf("%s is %v, want %v within a thousandth", name, got, want)
		}
	}
	decoded, err := h.Decode()
	if err != nil {
		t.Fatal(err)
	}
	if got := float64(decoded.ValueAtPercentile(99)) / 1e6; got != h.P99 || decoded.TotalCount() != h.Count {
		t.Errorf("decoded: p99 %v of %d, want %v of %d", got, decoded.TotalCount(), h.P99, h.Count)
	}
}

func TestRecorderTakesWhatIsOutOfRangeForTheEnd(t *testing.T) {
	recorder := result.NewRecorder()
	for _, d := range []time.Duration{-time.Second, 0, time.Hour} {
		recorder.Record(d)
	}
	h := recorder.Histogram()
	if h.Count != 3 || h.P50 != 1e-6 || math.Abs(h.Max-600) > 0.6 {
		t.Errorf("count %d, median %v s, max %v s, want 3, 1 µs and 10 min", h.Count, h.P50, h.Max)
	}
}

func TestAnEmptyRecorder(t *testing.T) {
	h := result.NewRecorder().Histogram()
	encoded := h.Encoded
	h.Encoded = ""
	if diff := cmp.Diff(result.Histogram{}, h); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := (result.Histogram{Encoded: encoded}).Decode(); err != nil {
		t.Error(err)
	}
}

func TestFormats(t *testing.T) {
	var got bytes.Buffer
	for _, s := range []float64{0, 1e-6, 8.7e-4, 0.0009996, 0.0412, 0.18, 0.9996, 1.3, 59.96, 125, 3600, -0.0412} {
		fmt.Fprint(&got, result.Seconds(s), " ")
	}
	for _, s := range []float64{0, 0.00001, 0.001, 0.05, 0.9993, 0.999999, 1, -0.5} {
		fmt.Fprint(&got, result.Share(s), " ")
	}
	for _, n := range []int{0, 999, 1000, 1234567, -100, -1000} {
		fmt.Fprint(&got, result.Count(n), ";")
	}
	fmt.Fprint(&got, result.Value("e2e_p99", 0.5), " ", result.Value("http_error_rate", 0.001), " ",
		result.Value("lag_seconds_max", 5), " ", result.Value("lost", 1200))
	want := "0 1.00µs 870µs 1.00ms 41.2ms 180ms 1.00s 1.30s 60.0s 2m05s 60m00s -41.2ms " +
		"0% <0.01% 0.1% 5% 99.93% >99.99% 100% -50% " +
		"0;999;1\u00a0000;1\u00a0234\u00a0567;-100;-1\u00a0000;" +
		"500ms 0.1% 5.00s 1\u00a0200"
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSpans(t *testing.T) {
	got := ""
	for _, seconds := range []float64{0, 1e-5, 0.01, 1, 2.5, 4.123456789, 30, 60, 90, 5400, 86_400} {
		got += result.Span(seconds) + " "
	}
	if want := "0s 10µs 10ms 1s 2.5s 4.12s 30s 1m 1m30s 1h30m 24h "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSettingsInWords(t *testing.T) {
	s := result.Settings{
		Arrivals: "poisson", WarmUp: 10, Mix: map[string]float64{"test-invalid": 0.05, "test-flaky": 0.001},
		Stages: []result.Stage{{Duration: 30, From: 0, To: 1500}, {Duration: 90, From: 1500, To: 1500}},
	}
	if got, want := s.Load(), "0 to 1\u00a0500/s in 30s, 1\u00a0500/s for 1m30s, poisson, warm-up 10s"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := s.Orders(), "0.1% test-flaky, 5% test-invalid, the rest load-001 to load-200"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func onlyFile(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside %s: %v, %v", path, entries, err)
	}
}

func TestRefusals(t *testing.T) {
	got := result.Refusals(map[string]int{"503": 45, "timeout": 2, "307": 1, "connection lost": 1})
	if want := "45 answers were 503, 2 requests failed: timeout, 1 answer was 307, 1 request failed: connection lost"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
