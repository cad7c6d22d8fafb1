package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"example.com/clew/loadtest/internal/report"
	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/result/resulttest"
)

func TestThePageSaysWhatTheTableSays(t *testing.T) {
	r := failed()
	got := page(t, r)
	for _, want := range []string{
		">failed</p>", "e2e_p99&lt;500ms does not hold", "crossed at 26s", "not measured",
		"94.18%", "permanent 325", "503 45, timeout 2", "never drained", "Example CPU", "2% test-flaky, 5% test-invalid",
		result.Seconds(r.Latencies[result.EndToEnd].P999), "lost: order 01a1fce2-242c-7b2d-a7f7-5d69ff18deaa",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q", want)
		}
	}
	for _, order := range r.Slowest {
		if !strings.Contains(got, fmt.Sprintf(`<a href="%s"`, order.TraceURL)) {
			t.Errorf("no link to the trace of %s", order.ID)
		}
	}
}

func TestThePageOfAMergedRunHasItsShards(t *testing.T) {
	got := page(t, merged())
	for _, want := range []string{
		"<h1>steady, 3 of 4 shards</h1>", "shard 3/4 is missing", "<td>3.20s late</td><td>Example CPU, 4 cores</td>", "<td>in time</td>",
		"3, which used 0.21 cores together", "one for each shard",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q", want)
		}
	}
}

func TestThePageNeedsNothingButItself(t *testing.T) {
	got := page(t, failed())
	withoutLinks := regexp.MustCompile(`<a href="[^"]*"`).ReplaceAllString(got, "")
	if found := regexp.MustCompile(`\w+://|\bsrc=|@import|url\(`).FindAllString(withoutLinks, -1); found != nil {
		t.Errorf("it refers to something: %q", found)
	}

	scripts := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindAllStringSubmatch(got, -1)
	if len(scripts) != 1 {
		t.Fatalf("%d scripts, want 1", len(scripts))
	}
	hash := sha256.Sum256([]byte(scripts[0][1]))
	policy := "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "';"
	if !strings.Contains(got, `http-equiv="Content-Security-Policy" content="`+policy) {
		t.Errorf("its policy is not %s", policy)
	}
}

func TestForeignTextIsTextInThePage(t *testing.T) {
	got := page(t, hostile())
	if n := strings.Count(got, "<script"); n != 1 {
		t.Errorf("%d scripts, want 1", n)
	}
	for _, forbidden := range []string{"<img", `href="javascript:`, "\x1b", "\u202e"} {
		if strings.Contains(got, forbidden) {
			t.Errorf("it has %q", forbidden)
		}
	}
	if !strings.Contains(got, "&lt;img src=x onerror=alert(1)&gt;{{.}}") {
		t.Error("the text is missing")
	}
}

func TestEachChartCanBeReadWithoutSeeingIt(t *testing.T) {
	for name, r := range map[string]result.Result{"http": failed(), "stream": stream()} {
		got := page(t, r)
		figures := regexp.MustCompile(`(?s)<figure.*?</figure>`).FindAllString(got, -1)
		if want := map[string]int{"http": 8, "stream": 7}[name]; len(figures) != want {
			t.Errorf("%s: %d charts, want %d", name, len(figures), want)
		}
		for _, figure := range figures {
			for _, want := range []string{`role="img"`, "<title", "<desc", "<path", "<details>", "<tr data-at="} {
				if !strings.Contains(figure, want) {
					t.Errorf("%s: no %s in\n%.300s", name, want, figure)
				}
			}
		}
	}
}

func TestThePageOfALongRunIsSmall(t *testing.T) {
	got := page(t, resulttest.Run{Seconds: 3600, Rate: 3, Stall: [2]int{1000, 1060}}.Result())
	if len(got) > 400_000 {
		t.Errorf("%d bytes", len(got))
	}
	for _, want := range []string{"Each point is 16 seconds", "<td>59.99s</td>"} { // the one second with this lag
		if !strings.Contains(got, want) {
			t.Errorf("no %q", want)
		}
	}
}

func TestADamagedHistogramIsAnError(t *testing.T) {
	r := resulttest.Run{}.Result()
	h := r.Latencies[result.HTTP]
	h.Encoded = "damaged"
	r.Latencies[result.HTTP] = h
	var out bytes.Buffer
	if err := report.HTML(&out, r); err == nil || !strings.Contains(err.Error(), "latency http") || out.Len() != 0 {
		t.Errorf("error %v after %d bytes, want one that names the latency, and nothing written", err, out.Len())
	}
}

func page(t *testing.T, r result.Result) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.HTML(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
