package load_test

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the load test says of orders is what Clew knows of them.
func TestOrdinaryRuns(t *testing.T) {
	t.Parallel()
	clew := binaries.Start(t)

	t.Run("ordinary orders", func(t *testing.T) {
		page := filepath.Join(t.TempDir(), "run.html")
		r := load(t, clew, patient("--scenario=smoke", "--duration=5s", "--html="+page)...).wants(0, "smoke: 20/s for 5s")
		r.allConfirmed(t, 100)
		if r.Totals.Scheduled != 90 || r.Totals.Sent != 90 || r.Totals.WarmUp != 10 {
			t.Errorf("%+v, want the rates without the 10 orders of the warm-up", r.Totals)
		}
		if html, err := os.ReadFile(page); err != nil || !strings.Contains(string(html), "<title>") {
			t.Errorf("a page of %d bytes, error %v", len(html), err)
		}
	})
	t.Run("orders that can never succeed", func(t *testing.T) {
		r := load(t, clew, patient("--scenario=poison", "--rate=20", "--duration=5s")...).wants(0, "permanent")
		var letters []json.RawMessage
		err := json.Unmarshal([]byte(clew.Run("dlq", "list", "--json")), &letters)
		if err != nil || len(letters) != 5 || r.Totals.DeadLettered["permanent"] != 5 || r.Totals.Confirmed != 95 {
			t.Errorf("%d dead letters, error %v, totals %+v; want 5 %% of the 100 orders", len(letters), err, r.Totals)
		}
	})
	t.Run("what consumers reach", func(t *testing.T) {
		load(t, clew, "--scenario=smoke", "--target=stream", "--threshold=lag_seconds_max<60s", "--rate=1000", "--duration=3s").
			wants(0, "3 000 processed")
	})
	t.Run("a threshold that cannot hold", func(t *testing.T) {
		load(t, clew, "--scenario=smoke", "--duration=1s", "--threshold=e2e_p99<1us").wants(1, "FAILED  e2e_p99<1us")
	})
	t.Run("another load test shows its metrics already", func(t *testing.T) {
		another, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer another.Close()
		clew := *clew
		clew.Env = append(clew.Env, "LOADTEST_ADDR="+another.Addr().String())
		load(t, &clew, patient("--scenario=smoke", "--duration=1s")...).
			wants(0, "its metrics are not shown, because "+another.Addr().String()+" is taken; LOADTEST_ADDR moves them")
	})
}
