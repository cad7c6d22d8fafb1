package load_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/clew/state"
)

// More comes than the consumers take; when it stops, they catch up.
func TestDrain(t *testing.T) {
	t.Parallel()
	r := load(t, binaries.Start(t), patient("--scenario=drain", "--duration=4s", "--mix=test-slow=20")...).wants(0, "drained in")
	r.allConfirmed(t, 640)
	behind := 0
	for _, second := range r.Seconds {
		behind = max(behind, second.LagMessages)
	}
	// Two seconds for each of 128, by 16 workers, are 16 s: four of them while load is offered.
	if behind == 0 || r.Totals.Drain < 10 {
		t.Errorf("at most %d messages behind, drained in %.1f s, want a backlog that takes longer than it came", behind, r.Totals.Drain)
	}
}

// A consumer that is killed again and again loses nothing, and does nothing twice.
func TestCrash(t *testing.T) {
	t.Parallel()
	clew := binaries.Start(t)
	text, err := os.ReadFile("../../loadtest/internal/scenario/scenarios/crash.yaml")
	if err != nil {
		t.Fatal(err)
	}
	often := filepath.Join(t.TempDir(), "often.yaml")
	if err := os.WriteFile(often, []byte(strings.ReplaceAll(string(text), "test-crash: 10s", "test-crash: 4s")), 0o600); err != nil {
		t.Fatal(err)
	}
	r := load(t, clew, patient("--scenario="+often, "--duration=10s", "--rate=20")...).wants(0)
	r.allConfirmed(t, 200)
	var now state.State
	if err := json.Unmarshal([]byte(clew.Run("status", "--json")), &now); err != nil {
		t.Fatal(err)
	}
	for _, p := range now.Processes {
		if want := map[string]int{"inventory-1": 2}[p.Name]; p.Restarts != want {
			t.Errorf("%s was started again %d times, want %d", p.Name, p.Restarts, want)
		}
	}
}

// While nobody reads, lag grows by a second each second, whatever the rate.
func TestInventoryStandsStill(t *testing.T) {
	t.Parallel()
	clew := binaries.Start(t)
	inventory := *clew.Process("inventory-1").PID
	l := load(t, clew, patient("--scenario=smoke", "--duration=12s", "--rate=50", "--threshold=lag_seconds_max<2s")...)
	l.accepted(100) // 60 are due in the warm-up
	const still = 4 * time.Second
	if err := syscall.Kill(inventory, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(inventory, syscall.SIGCONT) }()
	<-time.After(still)
	if err := syscall.Kill(inventory, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	r := l.wants(1, "FAILED  lag_seconds_max<2s", "crossed at")
	r.allConfirmed(t, 600)
	if diff := cmp.Diff([]string{"lag_seconds_max<2s"}, r.failed()); diff != "" {
		t.Errorf("thresholds that do not hold (-want +got):\n%s", diff)
	}
	for _, threshold := range r.Thresholds {
		// What is sampled every 250 ms may have been seen so much too early.
		if !threshold.Holds && (threshold.Value < (still-time.Second).Seconds() || threshold.CrossedAt == nil || *threshold.CrossedAt < 2) {
			t.Errorf("%+v, want a lag of about %s, which began after 2 s", threshold, still)
		}
	}
}

// A run whose target dies ends soon, and what was measured is not thrown away. It says nothing of how good the target is.
func TestTheTargetDies(t *testing.T) {
	t.Parallel()
	clew := binaries.Start(t)
	page := filepath.Join(t.TempDir(), "run.html")
	l := load(t, clew, "--scenario=smoke", "--duration=30s", "--drain=10m", "--html="+page)
	l.accepted(80) // 60 are due in the warm-up
	supervisor, err := state.Owner(clew.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(supervisor, syscall.SIGKILL); err != nil { // and with it dies all that it started
		t.Fatal(err)
	}
	r := l.wants(3, "loadtest: the target went away after ", "NOT JUDGED  smoke: 20/s for 30s")
	if r.Verdict != "not judged" || !strings.HasPrefix(r.Reason, "the target went away after ") ||
		r.Totals.Confirmed == 0 || r.Totals.Confirmed+r.Totals.Unfinished != r.Totals.Accepted || r.Totals.Scheduled >= 540 || len(r.failed()) == 0 {
		t.Errorf("%s: %s, %+v", r.Verdict, r.Reason, r.Totals)
	}
	if html, err := os.ReadFile(page); err != nil || !strings.Contains(string(html), "<title>") {
		t.Errorf("a page of %d bytes, error %v", len(html), err)
	}
}
