package growth

import (
	"context"
	"testing"

	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
)

// Each role checks itself that the operation did what it should; a backlog longer than a batch of any of them.
func TestEachOperationIsMeasured(t *testing.T) {
	for name, role := range map[string]func(context.Context, child.Job) (report.Result, error){
		"claim": Claim, "sample": Sample, "purge": Purge, "replay": Replay,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := messagingtest.Redis(t)
			r, err := role(t.Context(), child.Job{
				RedisURL: url, Stream: "notes", Group: "g", Backlog: 20_000, Databases: child.Databases{Order: messagingtest.Postgres(t)},
			})
			if err != nil {
				t.Fatal(err)
			}
			if r.Value <= 0 || r.Extras["repetitions"] < least {
				t.Errorf("%+v", r)
			}
			if n, err := messagingtest.Client(t, url).DBSize(t.Context()).Result(); err != nil || n > 1 {
				t.Errorf("%d keys are left (%v), want none but the number of partitions", n, err)
			}
		})
	}
}
