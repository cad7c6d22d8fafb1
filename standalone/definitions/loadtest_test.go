package definitions_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The load test against a Clew of real processes: what it says of orders is what Clew knows of them.
func TestLoadTest(t *testing.T) {
	clew := startClew(t)
	// Speed is not what is tested: on a busy machine no order must be late.
	patient := []string{"--threshold=e2e_p99<60s", "--threshold=http_p99<60s", "--threshold=lag_seconds_max<60s"}

	t.Run("ordinary orders", func(t *testing.T) {
		report, page := filepath.Join(t.TempDir(), "run.json"), filepath.Join(t.TempDir(), "run.html")
		code, out := clew.loadtest(append(patient, "--scenario=smoke", "--duration=5s", "--json="+report, "--html="+page)...)
		if code != 0 || !strings.Contains(out, "PASSED  smoke: 20/s for 5s") {
			t.Fatalf("exit code %d:\n%s", code, out)
		}
		var got struct {
			Totals struct{ Scheduled, Sent, Accepted, Confirmed, Lost, Duplicated, Unfinished int }
		}
		text, err := os.ReadFile(report)
		if err == nil {
			err = json.Unmarshal(text, &got)
		}
		want := got
		want.Totals.Scheduled, want.Totals.Sent, want.Totals.Accepted, want.Totals.Confirmed = 90, 90, 90, 90
		want.Totals.Lost, want.Totals.Duplicated, want.Totals.Unfinished = 0, 0, 0
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("error %v, totals (-want +got):\n%s", err, diff)
		}
		if html, err := os.ReadFile(page); err != nil || !strings.Contains(string(html), "<title>") {
			t.Errorf("a page of %d bytes, error %v", len(html), err)
		}
	})
	t.Run("orders that can never succeed", func(t *testing.T) {
		code, out := clew.loadtest(append(patient, "--scenario=poison", "--rate=20", "--duration=5s", "--threshold=dlq_rate<8%")...)
		if code != 0 || !strings.Contains(out, "permanent") {
			t.Fatalf("exit code %d:\n%s", code, out)
		}
		var letters []json.RawMessage
		if err := json.Unmarshal([]byte(clew.clew("dlq", "list", "--json")), &letters); err != nil || len(letters) != 5 {
			t.Errorf("%d dead letters, error %v; want 5 %% of the 100 orders, those of the warm-up included", len(letters), err)
		}
	})
	t.Run("what consumers reach", func(t *testing.T) {
		code, out := clew.loadtest(append(patient[2:], "--scenario=smoke", "--target=stream", "--rate=1000", "--duration=3s")...)
		if code != 0 || !strings.Contains(out, "2 700 processed") {
			t.Fatalf("exit code %d:\n%s", code, out)
		}
	})
	t.Run("a threshold that cannot hold", func(t *testing.T) {
		code, out := clew.loadtest("--scenario=smoke", "--duration=1s", "--threshold=e2e_p99<1us")
		if code != 1 || !strings.Contains(out, "FAILED  e2e_p99<1us") {
			t.Errorf("exit code %d:\n%s", code, out)
		}
	})
	t.Run("nothing to put load on", func(t *testing.T) {
		code, out := clew.loadtest("--order-url=http://127.0.0.1:1")
		if code != 3 || strings.Count(out, "\n") != 1 || !strings.Contains(out, "does not answer") {
			t.Errorf("exit code %d:\n%s", code, out)
		}
	})
}
