package row

import (
	"slices"
	"testing"
)

func TestGrowthIsMeasuredFromTheSmallestNumberUp(t *testing.T) {
	got := names(Growth(Sizes{Backlog: 10_000}))
	want := []string{
		"growth_partitions_1", "growth_partitions_8", "growth_partitions_64",
		"growth_replicas_1", "growth_replicas_2", "growth_replicas_4",
		"growth_claim_1000", "growth_claim_10000", "growth_sample_1000", "growth_sample_10000",
		"growth_purge_1000", "growth_purge_10000", "growth_replay_1000", "growth_replay_10000",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
