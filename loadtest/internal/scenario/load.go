package scenario

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"example.com/clew/loadtest/internal/schedule"
)

//go:embed scenarios/*.yaml
var files embed.FS

// Names returns the built-in scenarios, in the order in which to learn them.
func Names() []string {
	return []string{"smoke", "steady", "ramp", "spike", "soak", "slow", "poison", "flaky", "crash", "drain", "max"}
}

// Load reads a built-in scenario, or a file if name looks like a path: it has a separator, or ends in .yaml or .yml. An error is
// one line.
func Load(name string) (Scenario, error) {
	if strings.ContainsAny(name, `/\`) || filepath.Ext(name) == ".yaml" || filepath.Ext(name) == ".yml" {
		data, err := os.ReadFile(name)
		if err != nil {
			return Scenario{}, fmt.Errorf("read scenario: %w", err)
		}
		return decode(name, data)
	}
	if !slices.Contains(Names(), name) {
		return Scenario{}, fmt.Errorf("no scenario is called %q: there are %s, or give a file's path, such as ./mine.yaml",
			name, strings.Join(Names(), ", "))
	}
	data, err := files.ReadFile("scenarios/" + name + ".yaml")
	if err != nil {
		return Scenario{}, fmt.Errorf("read scenario: %w", err)
	}
	return decode(name, data)
}

// file is the YAML form of a scenario.
type file struct {
	Name        string                   `yaml:"name"`    // by default the file's
	Teaches     string                   `yaml:"teaches"` // one line
	Target      string                   `yaml:"target"`
	Arrivals    string                   `yaml:"arrivals"`
	Seed        uint64                   `yaml:"seed"`
	Stages      []stage                  `yaml:"stages"`
	Mix         map[string]float64       `yaml:"mix"`
	Every       map[string]time.Duration `yaml:"every"`
	MaxInFlight int                      `yaml:"max_in_flight"`
	Drain       time.Duration            `yaml:"drain"`
	Thresholds  []string                 `yaml:"thresholds"`
	Search      *Search                  `yaml:"search"`
}

// stage has either a rate or from and to.
type stage struct {
	Duration time.Duration `yaml:"duration"`
	Rate     *float64      `yaml:"rate"`
	From     *float64      `yaml:"from"`
	To       *float64      `yaml:"to"`
}

func decode(path string, data []byte) (Scenario, error) {
	s, err := decodeFile(path, data)
	if err != nil {
		return Scenario{}, fmt.Errorf("scenario %s: %w", path, err)
	}
	return s, nil
}

func decodeFile(path string, data []byte) (Scenario, error) {
	f := file{
		Name:   strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)),
		Target: HTTP, Arrivals: Constant, Seed: 1, MaxInFlight: 10_000, Drain: time.Minute,
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&f); err != nil && !errors.Is(err, io.EOF) { // without anything in it, it has no stages
		return Scenario{}, explain(err)
	}
	if err := decoder.Decode(&file{}); !errors.Is(err, io.EOF) {
		return Scenario{}, errors.New("expected one document, and nothing after ---")
	}
	s := Scenario{
		Name: f.Name, Teaches: f.Teaches, Target: f.Target, Arrivals: f.Arrivals, Seed: f.Seed, Mix: f.Mix, Every: f.Every,
		MaxInFlight: f.MaxInFlight, Drain: f.Drain, Search: f.Search,
	}
	for i, stage := range f.Stages {
		from, to := stage.From, stage.To
		if stage.Rate != nil && from == nil && to == nil {
			from, to = stage.Rate, stage.Rate
		} else if stage.Rate != nil || from == nil || to == nil {
			return Scenario{}, fmt.Errorf("stage %d: expected either rate, or from and to", i+1)
		}
		s.Stages = append(s.Stages, schedule.Stage{Duration: stage.Duration, From: *from, To: *to})
	}
	return s.With(Override{Thresholds: f.Thresholds})
}

var (
	unknownKey = regexp.MustCompile(`field (.+) not found in type \S+`)
	wrongKind  = regexp.MustCompile("cannot unmarshal !!(\\w+)(?: `(.*)`)? into (\\S+)")
)

// explain turns the decoder's error, which names Go types, into one line for the author of a file.
func explain(err error) error {
	problems := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if types, ok := errors.AsType[*yaml.TypeError](err); ok {
		problems = types.Errors
	}
	for i, problem := range problems {
		problem = strings.Join(strings.Fields(problem), " ")
		problem = unknownKey.ReplaceAllString(problem, `unknown key "$1"`)
		problems[i] = wrongKind.ReplaceAllStringFunc(problem, explainKind)
	}
	return errors.New(strings.Join(problems, "; "))
}

func explainKind(message string) string {
	parts := wrongKind.FindStringSubmatch(message)
	tag, found, kind := parts[1], parts[2], parts[3]
	if found == "" {
		found = map[string]string{"seq": "a list", "map": "keys"}[tag]
	}
	expected, ok := map[string]string{
		"time.Duration": "a duration such as 30s", "float64": "a number", "int": "a whole number", "uint64": "a whole number",
		"string": "a text",
	}[kind]
	switch {
	case ok:
	case strings.HasPrefix(kind, "[]"):
		expected = "a list"
	default:
		expected = "keys, each with a value"
	}
	return found + ": expected " + expected
}
