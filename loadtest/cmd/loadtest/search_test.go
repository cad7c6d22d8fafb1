package main

import (
	"errors"
	"io"
	"testing"

	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/scenario"
)

// A target that goes away ends a search, and what was measured before is not thrown away.
func TestASearchWhoseTargetGoesAway(t *testing.T) {
	s, err := scenario.Load("max")
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("the target went away")
	for name, test := range map[string]struct {
		holds int // so many rates, before it goes away
		want  string
	}{
		"at once":           {0, result.NotJudged},
		"after it had held": {2, result.Passed},
	} {
		runs := 0
		got, err := search(t.Context(), io.Discard, s, func(scenario.Scenario) (result.Result, error) {
			if runs++; runs > test.holds {
				return result.Result{Version: result.Version, Verdict: result.NotJudged}, gone
			}
			return result.Result{Version: result.Version, Verdict: result.Passed}, nil
		})
		if !errors.Is(err, gone) || got.Verdict != test.want || runs != test.holds+1 {
			t.Errorf("%s: %v, %s after %d runs, want %s", name, err, got.Verdict, runs, test.want)
		}
	}
}
