package metrics

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestRules(t *testing.T) {
	s := newService(t)
	r := start(t, t.TempDir(), rulesIn(`
groups:
  - name: test
    rules:
      - record: job:test_gauge:max
        expr: max without (instance) (test_gauge)
      - alert: TestGauge
        expr: job:test_gauge:max > 1
        for: 100ms
        labels: {severity: page}
        annotations: {summary: 'the gauge is {{ $value }}'}
`), s.as("order"))
	type alert struct {
		Labels, Annotations map[string]string
		State               string
	}
	alerts := func() []alert { return get[struct{ Alerts []alert }](r, "alerts").Alerts }

	r.await("job:test_gauge:max", "0")
	if got := alerts(); len(got) > 0 {
		t.Errorf("%v at 0", got)
	}
	s.Set(2)
	r.await(`ALERTS{alertname="TestGauge",alertstate="firing"}`, "1")
	want := []alert{{
		Labels:      map[string]string{"alertname": "TestGauge", "job": "order", "severity": "page"},
		Annotations: map[string]string{"summary": "the gauge is 2"},
		State:       "firing",
	}}
	if diff := cmp.Diff(want, alerts()); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
	s.Set(0)
	eventually(t, "the alert is resolved", func() bool { return len(alerts()) == 0 })

	groups := get[struct {
		Groups []struct {
			File, Name string
			Interval   float64
			Rules      []struct{ Name, Health string }
		}
	}](r, "rules").Groups
	if len(groups) != 1 || groups[0].File != "rules/test.yml" || groups[0].Interval != interval.Seconds() || len(groups[0].Rules) != 2 {
		t.Errorf("rules are %v", groups)
	}
	for _, rule := range groups[0].Rules {
		if rule.Health != "ok" {
			t.Errorf("%s is %s", rule.Name, rule.Health)
		}
	}
}

func TestWrongRulesAreNamed(t *testing.T) {
	_, err := open(t.TempDir(), fstest.MapFS{
		"good.yml":       {Data: []byte("groups: [{name: a, rules: [{record: b, expr: c}]}]")},
		"rules.md":       {Data: []byte("not rules")},
		"rules/bad.yml":  {Data: []byte("groups: [{name: a, rules: [{alert: B, expr: 'rate('}, {alert: C, expr: '1', annotations: {summary: '{{'}}]}]")},
		"rules/typo.yml": {Data: []byte("groups: [{heading: a}]")},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"rules in rules/bad.yml: ", `"B"`, `"C"`, "rules in rules/typo.yml: ", "heading"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to name %s", err, want)
		}
	}
	for _, not := range []string{"good.yml", "rules.md"} {
		if strings.Contains(err.Error(), not) {
			t.Errorf("%v, want it not to name %s", err, not)
		}
	}
}
