package watch_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"go.yaml.in/yaml/v3"
)

// ruleTests is a file as `promtool test rules` reads it, without what no file here has. Building promtool takes many
// minutes, because it contains a client of every cloud; what it does with such a file is little.
type ruleTests struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	GroupEvalOrder     []string       `yaml:"group_eval_order"`
	Tests              []ruleTest     `yaml:"tests"`
}

type ruleTest struct {
	Name        string         `yaml:"name"`
	Interval    model.Duration `yaml:"interval"` // between the values of a series
	InputSeries []struct {
		Series string `yaml:"series"`
		Values string `yaml:"values"`
	} `yaml:"input_series"`
	Alerts []alertTest `yaml:"alert_rule_test"`
	Exprs  []exprTest  `yaml:"promql_expr_test"`
}

type alertTest struct {
	EvalTime  model.Duration `yaml:"eval_time"`
	Alertname string         `yaml:"alertname"`
	ExpAlerts []alert        `yaml:"exp_alerts"`
}

type alert struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

type exprTest struct {
	Expr       string         `yaml:"expr"`
	EvalTime   model.Duration `yaml:"eval_time"`
	ExpSamples []struct {
		Labels string  `yaml:"labels"`
		Value  float64 `yaml:"value"`
	} `yaml:"exp_samples"`
}

func readRuleTests(t *testing.T, file string) ruleTests {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var tests ruleTests
	if err := decoder.Decode(&tests); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for i, name := range tests.RuleFiles {
		tests.RuleFiles[i] = filepath.Join(filepath.Dir(file), name)
	}
	return tests
}

// run evaluates the rules again and again, and compares the alerts at their times and then what the expressions say.
func (test ruleTest) run(t *testing.T, file ruleTests) {
	load := fmt.Sprintf("load %s\n", test.Interval)
	for _, series := range test.InputSeries {
		load += "  " + series.Series + " " + series.Values + "\n"
	}
	data, err := promqltest.NewLazyLoader(load, promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := data.Close(); err != nil {
			t.Error(err)
		}
	}()
	data.SubqueryInterval = time.Duration(file.EvaluationInterval)
	groups := file.groups(t, data)

	alerts, last := map[model.Duration][]alertTest{}, model.Duration(0)
	for _, a := range test.Alerts {
		alerts[a.EvalTime], last = append(alerts[a.EvalTime], a), max(last, a.EvalTime)
	}
	for _, e := range test.Exprs {
		last = max(last, e.EvalTime)
	}
	for at := model.Duration(0); at <= last; at += file.EvaluationInterval {
		now := time.Unix(0, 0).Add(time.Duration(at)).UTC()
		data.WithSamplesTill(now, func(err error) {
			if err != nil {
				t.Fatal(err)
			}
			evaluate(t, groups, now)
		})
		for _, a := range alerts[at] {
			a.check(t, groups)
		}
		delete(alerts, at)
	}
	for at := range alerts {
		t.Errorf("the rules are not evaluated at %s: it is no multiple of %s", at, file.EvaluationInterval)
	}
	for _, e := range test.Exprs {
		e.check(t, data)
	}
}

// groups loads the rules, in the order in which they are to be evaluated.
func (file ruleTests) groups(t *testing.T, data *promqltest.LazyLoader) []*rules.Group {
	t.Helper()
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc:  rules.EngineQueryFunc(data.QueryEngine(), data.Storage()),
		Appendable: data.Storage(),
		Context:    t.Context(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
		Logger:     slog.New(slog.DiscardHandler),
		Parser:     promQL(),
	})
	loaded, errs := manager.LoadGroups(time.Duration(file.EvaluationInterval), labels.EmptyLabels(), "", nil, false, file.RuleFiles...)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	groups := slices.Collect(maps.Values(loaded))
	for _, group := range groups {
		if !slices.Contains(file.GroupEvalOrder, group.Name()) {
			t.Errorf("group_eval_order lacks %s", group.Name())
		}
	}
	slices.SortFunc(groups, func(a, b *rules.Group) int {
		return slices.Index(file.GroupEvalOrder, a.Name()) - slices.Index(file.GroupEvalOrder, b.Name())
	})
	return groups
}

func evaluate(t *testing.T, groups []*rules.Group, now time.Time) {
	t.Helper()
	for _, group := range groups {
		group.Eval(t.Context(), now)
		for _, rule := range group.Rules() {
			if rule.LastError() != nil {
				t.Fatalf("%s at %s: %v", rule.Name(), now, rule.LastError())
			}
		}
	}
}

func (a alertTest) check(t *testing.T, groups []*rules.Group) {
	t.Helper()
	var want, got []string
	for _, expected := range a.ExpAlerts {
		all := maps.Clone(expected.Labels)
		all[labels.AlertName] = a.Alertname
		want = append(want, fmt.Sprintln(labels.FromMap(all), labels.FromMap(expected.Annotations)))
	}
	for _, group := range groups {
		for _, rule := range group.AlertingRules() {
			for _, active := range rule.ActiveAlerts() {
				if rule.Name() == a.Alertname && active.State == rules.StateFiring {
					got = append(got, fmt.Sprintln(active.Labels, active.Annotations))
					active.Annotations.Range(func(l labels.Label) {
						if hole.MatchString(l.Value) {
							t.Errorf("%s after %s: the %s %q has a hole", a.Alertname, a.EvalTime, l.Name, l.Value)
						}
					})
				}
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s after %s (-want +got):\n%s", a.Alertname, a.EvalTime, diff)
	}
}

func (e exprTest) check(t *testing.T, data *promqltest.LazyLoader) {
	t.Helper()
	query, err := data.QueryEngine().NewInstantQuery(t.Context(), data.Queryable(), nil, e.Expr, time.Unix(0, 0).Add(time.Duration(e.EvalTime)))
	if err != nil {
		t.Fatalf("%s: %v", e.Expr, err)
	}
	defer query.Close()
	vector, err := query.Exec(t.Context()).Vector()
	if err != nil {
		t.Fatalf("%s: %v", e.Expr, err)
	}
	var want, got []string
	for _, sample := range e.ExpSamples {
		metric, err := promQL().ParseMetric(sample.Labels)
		if err != nil {
			t.Fatalf("%s: %v", sample.Labels, err)
		}
		want = append(want, promql.Sample{Metric: metric, F: sample.Value}.String())
	}
	for _, sample := range vector {
		got = append(got, promql.Sample{Metric: sample.Metric, F: sample.F}.String())
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s after %s (-want +got):\n%s", e.Expr, e.EvalTime, diff)
	}
}

// TestRules runs the files in rules/tests.
func TestRules(t *testing.T) {
	for _, path := range ruleTestFiles(t) {
		file := readRuleTests(t, path)
		for _, test := range file.Tests {
			t.Run(strings.TrimSuffix(filepath.Base(path), ".yml")+"/"+test.Name, func(t *testing.T) { test.run(t, file) })
		}
	}
}

func ruleTestFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(ruleFolder, "tests", "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s/tests has the files %v, error %v", ruleFolder, files, err)
	}
	return files
}
