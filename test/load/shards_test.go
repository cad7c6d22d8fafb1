package load_test

import (
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/test/internal/clewtest"
)

// Two shards offer together what one generator would, and each accounts for its own orders although it reads the events of both.
func TestShards(t *testing.T) {
	t.Parallel()
	clew := binaries.Start(t)
	another := *clew
	another.Env = append(another.Env, "LOADTEST_ADDR=127.0.0.1:0") // another machine's

	args := patient("--scenario=poison", "--rate=40", "--duration=5s", "--start="+time.Now().Add(10*time.Second).Format(time.RFC3339))
	one := load(t, clew, slices.Concat(args, []string{"--shard=1/2"})...)
	two := load(t, &another, slices.Concat(args, []string{"--shard=2/2"})...)
	first, second := one.wants(0, "poison, shard 1/2: 40/s for 5s"), two.wants(0, "poison, shard 2/2: 40/s for 5s")
	for _, r := range []report{first, second} {
		if r.Totals.Accepted != 100 || r.Totals.Confirmed != 95 || r.Totals.DeadLettered["permanent"] != 5 {
			t.Errorf("%+v, want half of the 200 orders and of the 10 dead letters", r.Totals)
		}
	}

	late := first.Verdict == "not judged" || second.Verdict == "not judged" // on a busy machine
	merged := mergeShards(t, clew, late, one.json, two.json)
	got := merged.Totals
	got.Drain = 0
	want := totals{Scheduled: 180, Sent: 180, Accepted: 200, WarmUp: 20, Confirmed: 190, DeadLettered: map[string]int{"permanent": 10}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	var letters []json.RawMessage
	if err := json.Unmarshal([]byte(clew.Run("dlq", "list", "--json")), &letters); err != nil || len(letters) != 10 {
		t.Errorf("%d dead letters in Clew, error %v", len(letters), err)
	}
	if r := mergeShards(t, clew, true, two.json); !strings.HasPrefix(r.Reason, "shard 1/2 is missing") {
		t.Errorf("%s: %s, want one that is missing", r.Verdict, r.Reason)
	}
}

// mergeShards merges results, and fails the test unless they are judged, or not.
func mergeShards(t *testing.T, clew *clewtest.Clew, notJudged bool, paths ...string) (merged report) {
	t.Helper()
	command := clew.Loadtest(append([]string{"merge", "--json=-"}, paths...)...)
	var table strings.Builder
	command.Stderr = &table
	text, err := command.Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &merged); err != nil {
		t.Fatalf("%v:\n%s", err, table.String())
	}
	want := 0
	if notJudged {
		want = 3
	}
	if code := command.ProcessState.ExitCode(); code != want {
		t.Errorf("exit code %d, want %d:\n%s", code, want, table.String())
	}
	return merged
}
