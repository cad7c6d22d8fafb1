package scenario_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/scenario"
	"example.com/clew/loadtest/internal/schedule"
)

func load(t *testing.T, name string) scenario.Scenario {
	t.Helper()
	s, err := scenario.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func with(t *testing.T, s scenario.Scenario, o scenario.Override) scenario.Scenario {
	t.Helper()
	changed, err := s.With(o)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func texts(s scenario.Scenario) (all []string) {
	for _, t := range s.Thresholds {
		all = append(all, t.String())
	}
	return all
}

func TestRateIsThePeakAndDurationThatOfAllStages(t *testing.T) {
	mine := write(t, `stages: [{duration: 10s, rate: 50}, {duration: 20s, from: 50, to: 200}, {duration: 10s, rate: 0}]`)
	got := with(t, load(t, mine), scenario.Override{Rate: new(1000.0), Duration: new(2 * time.Minute)})
	want := []schedule.Stage{
		{Duration: 30 * time.Second, From: 250, To: 250},
		{Duration: time.Minute, From: 250, To: 1000},
		{Duration: 30 * time.Second},
	}
	if diff := cmp.Diff(want, got.Stages); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
}

func TestThresholdsReplaceThoseOfTheSameMetric(t *testing.T) {
	mine := write(t, "stages: [{duration: 1s, rate: 1}]\nthresholds: [e2e_p99<1s, dlq_rate>=4%, dlq_rate<=6%, lost==0]")
	got := with(t, load(t, mine), scenario.Override{Thresholds: []string{"dlq_rate<1%", "e2e_p99 < 2s", "e2e_p50<1s", "e2e_p50>1ms"}})
	want := []string{"lost==0", "dlq_rate<1%", "e2e_p99<2s", "e2e_p50<1s", "e2e_p50>1ms"}
	if diff := cmp.Diff(want, texts(got)); diff != "" {
		t.Errorf("thresholds (-want +got):\n%s", diff)
	}
}

func TestMixReplaces(t *testing.T) {
	poison := load(t, "poison")
	got := with(t, poison, scenario.Override{Mix: map[string]float64{"test-flaky": 50, "test-slow": 50}})
	if diff := cmp.Diff(map[string]float64{"test-flaky": 50, "test-slow": 50}, got.Mix); diff != "" {
		t.Errorf("mix (-want +got):\n%s", diff)
	}
	if got := with(t, poison, scenario.Override{}).Mix["test-invalid"]; got != 5 {
		t.Errorf("without a mix, %v percent are of test-invalid, want 5", got)
	}
}

func TestAnotherTargetLeavesOutWhatItDoesNotMeasure(t *testing.T) {
	got := with(t, load(t, "smoke"), scenario.Override{Target: "stream", Thresholds: []string{"add_p99<5ms"}})
	want := []string{
		"lag_seconds_max<5s", "drain_seconds<30s", "dlq_rate<0.5%", "achieved_rate>=99%", "unfinished==0", "unexpected==0", "add_p99<5ms",
	}
	if diff := cmp.Diff(want, texts(got)); diff != "" {
		t.Errorf("thresholds (-want +got):\n%s", diff)
	}
}

func TestOverridesAreRefused(t *testing.T) {
	tests := map[string]struct {
		scenario string
		override scenario.Override
	}{
		`rate 0: expected more than 0 arrivals a second`:                       {"ramp", scenario.Override{Rate: new(0.0)}},
		`rate -5: expected arrivals a second, at most a million`:               {"ramp", scenario.Override{Rate: new(-5.0)}},
		`rate NaN: expected arrivals a second, at most a million`:              {"ramp", scenario.Override{Rate: new(math.NaN())}},
		`rate 2e+06: expected arrivals a second, at most a million`:            {"ramp", scenario.Override{Rate: new(2e6)}},
		`rate 0.01: nothing is due within 10s; raise the rate or the duration`: {"smoke", scenario.Override{Rate: new(0.01)}},
		`duration 0s: expected more than 0`:                                    {"spike", scenario.Override{Duration: new(time.Duration(0))}},
		`duration -1m0s: expected more than 0`:                                 {"spike", scenario.Override{Duration: new(-time.Minute)}},
		`mix: all percentages together are 101, over 100`:                      {"steady", scenario.Override{Mix: map[string]float64{"a": 60, "b": 41}}},
		`mix: a=-1: expected a percentage from 0 to 100`:                       {"steady", scenario.Override{Mix: map[string]float64{"a": -1}}},
		`mix: "a b" is no SKU: expected 1 to 64 of A-Z, a-z, 0-9, dot, underscore and hyphen`: {
			"steady", scenario.Override{Mix: map[string]float64{"a b": 1}},
		},
		`target "tcp": expected http or stream`:                          {"steady", scenario.Override{Target: "tcp"}},
		`arrivals "even": expected constant or poisson`:                  {"steady", scenario.Override{Arrivals: "even"}},
		`max in flight 0: expected at least 1`:                           {"steady", scenario.Override{MaxInFlight: new(0)}},
		`drain -1s: expected 0s or more`:                                 {"steady", scenario.Override{Drain: new(-time.Second)}},
		`threshold "e2e_p99<1s": target stream does not measure e2e_p99`: {"steady", scenario.Override{Target: "stream", Thresholds: []string{"e2e_p99<1s"}}},
		`threshold "lost=0": = is no operator; there are < <= > >= ==`:   {"steady", scenario.Override{Thresholds: []string{"lost=0"}}},
		`target stream places no orders, so it can't have a mix: use target http, or a scenario without one`: {
			"poison", scenario.Override{Target: "stream"},
		},
	}
	for want, test := range tests {
		if _, err := load(t, test.scenario).With(test.override); err == nil || err.Error() != want {
			t.Errorf("got:\n%v\nwant:\n%s", err, want)
		}
	}
}

func TestAnOverrideLeavesTheOriginalAsItWas(t *testing.T) {
	original := load(t, "spike")
	with(t, original, scenario.Override{
		Target: "stream", Rate: new(1.0), Duration: new(10 * time.Second), Thresholds: []string{"lag_seconds_max<1s"},
	})
	again := load(t, "spike")
	if diff := cmp.Diff(again.Settings(), original.Settings()); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(texts(again), texts(original)); diff != "" {
		t.Errorf("thresholds (-want +got):\n%s", diff)
	}
}

func TestWarmUpIsATenthButAtMostTenSeconds(t *testing.T) {
	for duration, want := range map[time.Duration]time.Duration{
		10 * time.Second: time.Second, 100 * time.Second: 10 * time.Second, time.Hour: 10 * time.Second,
	} {
		if got := with(t, load(t, "steady"), scenario.Override{Duration: &duration}).WarmUp(); got != want {
			t.Errorf("%v has a warm-up of %v, want %v", duration, got, want)
		}
	}
}

func TestSettings(t *testing.T) {
	mine := write(t, `{arrivals: poisson, seed: 7, max_in_flight: 9, mix: {a: 25}, every: {b: 500ms}, stages: [{duration: 30s, from: 1, to: 2}]}`)
	want := result.Settings{
		Target: "http", Arrivals: "poisson", Seed: 7, WarmUp: 3, MaxInFlight: 9,
		Stages: []result.Stage{{Duration: 30, From: 1, To: 2}},
		Mix:    map[string]float64{"a": 0.25}, Every: map[string]float64{"b": 0.5},
	}
	if diff := cmp.Diff(want, load(t, mine).Settings()); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}
