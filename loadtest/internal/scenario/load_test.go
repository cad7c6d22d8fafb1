package scenario_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/loadtest/internal/scenario"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatIsBuiltIn(t *testing.T) {
	paths, err := filepath.Glob("scenarios/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range paths {
		names = append(names, strings.TrimSuffix(filepath.Base(path), ".yaml"))
	}
	if diff := cmp.Diff(names, slices.Sorted(slices.Values(scenario.Names()))); diff != "" {
		t.Errorf("files and names (-files +names):\n%s", diff)
	}
	for _, name := range scenario.Names() {
		s := load(t, name)
		if s.Name != name || s.Teaches == "" || strings.Contains(s.Teaches, "\n") || len(s.Thresholds) == 0 {
			t.Errorf("%s: expected its name, a line on what it teaches, and thresholds; got %+v", name, s)
		}
		if !slices.Contains(texts(s), "lost==0") {
			t.Errorf("%s does not ask that nothing is lost", name)
		}
	}
}

func TestDefaults(t *testing.T) {
	got := load(t, write(t, `stages: [{duration: 5s, rate: 10}]`))
	if got.Name != "mine" || got.Target != scenario.HTTP || got.Arrivals != scenario.Constant || got.Seed != 1 ||
		got.MaxInFlight != 10_000 || got.Drain != time.Minute || got.Search != nil {
		t.Errorf("%+v", got)
	}
}

func TestLoadRefuses(t *testing.T) {
	const stages = "stages: [{duration: 5s, rate: 10}]\n"
	tests := map[string]string{
		"":                                         `stages: expected at least one, such as {duration: 30s, rate: 100}`,
		"# nothing":                                `stages: expected at least one, such as {duration: 30s, rate: 100}`,
		"stages: []":                               `stages: expected at least one, such as {duration: 30s, rate: 100}`,
		stages + "rates: 5":                        `line 2: unknown key "rates"`,
		stages + "rates: 5\nmixes: {}":             `line 2: unknown key "rates"; line 3: unknown key "mixes"`,
		"stages:\n  - {duration: 5s, r: 1}":        `line 2: unknown key "r"`,
		stages + "drain: 30":                       `line 2: 30: expected a duration such as 30s`,
		stages + "drain: soon":                     `line 2: soon: expected a duration such as 30s`,
		stages + "max_in_flight: many":             `line 2: many: expected a whole number`,
		stages + "seed: -1":                        `line 2: -1: expected a whole number`,
		stages + "mix: {a: b}":                     `line 2: b: expected a number`,
		stages + "mix: [a, b]":                     `line 2: a list: expected keys, each with a value`,
		stages + "thresholds: lost==0":             `line 2: lost==0: expected a list`,
		stages + "target: [a]":                     `line 2: a list: expected a text`,
		stages + "stages: []":                      `line 2: mapping key "stages" already defined at line 1`,
		"stages: {duration: 5s, rate: 1}":          `line 1: keys: expected a list`,
		"stages: [{duration: 5s}]":                 `stage 1: expected either rate, or from and to`,
		"stages: [{duration: 5s, from: 1}]":        `stage 1: expected either rate, or from and to`,
		"stages: [{duration: 5s, rate: 1, to: 2}]": `stage 1: expected either rate, or from and to`,
		"stages: [{rate: 1}]":                      `duration 0s: expected more than 0`,
		"stages: [{duration: -5s, rate: 1}]":       `duration -5s: expected more than 0`,
		"stages: [{duration: 5s, rate: 0}]":        `rate 0: expected more than 0 arrivals a second`,
		"stages: [{duration: 5s, rate: .nan}]":     `rate NaN: expected arrivals a second, at most a million`,
		"stages: [{duration: 5s, rate: .inf}]":     `rate +Inf: expected arrivals a second, at most a million`,
		stages + "mix: {a: 99, b: 2}":              `mix: all percentages together are 101, over 100`,
		stages + "every: {a: 0s}":                  `every: a: 0s: expected at least 1ms`,
		stages + "every: {a/b: 1s}":                `every: "a/b" is no SKU: expected 1 to 64 of A-Z, a-z, 0-9, dot, underscore and hyphen`,
		stages + "thresholds: [lost<1s]":           `threshold "lost<1s": lost is a count and has no unit, as in lost<0`,
		stages + "target: stream\nevery: {a: 1s}":  `target stream places no orders, so it can't have a mix: use target http, or a scenario without one`,
		stages + "search: {factor: 2, within: 10}": `search: expected thresholds, which say whether a rate holds`,
		stages + "search: {factor: 1, within: 10}\nthresholds: [lost==0]": `search: factor 1: expected 1.1 to 10`,
		stages + "search: {factor: 2, within: 0}\nthresholds: [lost==0]":  `search: within 0: expected a percentage from 1 to 50`,
		"search: {}\nstages: [{duration: 5s, from: 1, to: 2}]":            `search: expected one stage with a rate, which is the first to be tried`,
		stages + "---\n" + stages:                                         `expected one document, and nothing after ---`,
		"a: b: c":                                                         `mapping values are not allowed in this context`,
	}
	for text, want := range tests {
		path := write(t, text)
		if _, err := scenario.Load(path); err == nil || err.Error() != "scenario "+path+": "+want {
			t.Errorf("%s\ngot:\n%v\nwant:\n%s", text, err, want)
		}
	}
}

func TestUnknownScenarios(t *testing.T) {
	const want = `no scenario is called "stedy": there are smoke, steady, ramp, spike, soak, slow, poison, flaky, crash, drain, max, ` +
		`or give a file's path, such as ./mine.yaml`
	if _, err := scenario.Load("stedy"); err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	for _, path := range []string{"mine.yaml", "mine.yml", "./mine", t.TempDir() + "/"} {
		if _, err := scenario.Load(path); err == nil || !strings.HasPrefix(err.Error(), "read scenario: ") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Whatever is accepted has arrivals, can be written as a result's settings, and changes as flags say.
func FuzzLoad(f *testing.F) {
	for _, name := range scenario.Names() {
		text, err := fs.ReadFile(os.DirFS("scenarios"), name+".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := scenario.Decode("mine.yaml", []byte(text))
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("an error of several lines: %q", err)
			}
			return
		}
		changed, err := s.With(scenario.Override{Rate: new(s.Plan().Peak()), Thresholds: texts(s)})
		if err != nil {
			t.Fatalf("overridden with its own values: %v", err)
		}
		if diff := cmp.Diff(s.Settings(), changed.Settings()); diff != "" {
			t.Errorf("overridden with its own values (-before +after):\n%s", diff)
		}
	})
}
