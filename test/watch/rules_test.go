package watch_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	_ "github.com/prometheus/prometheus/discovery/dns" // so that the configuration may name it
	"github.com/prometheus/prometheus/model/rulefmt"
)

// contract is which alerts there are.
var contract = map[string]string{
	"ObjectiveBurnsFast": "page", "ObjectiveBurnsSlowly": "ticket",
	"StreamLag": "page", "OldestPending": "ticket", "NoConsumer": "page", "GroupAbandoned": "ticket", "MessagesLost": "page",
	"DeadLetterRate": "page", "DeadLetters": "ticket",
	"OutboxStuck": "page", "OutboxParked": "ticket",
	"TargetDown": "page", "SamplerFailing": "ticket", "TelemetryDropped": "ticket",
}

// hole is what a text looks like where a label is missing that it tells of.
var hole = regexp.MustCompile(`\s\s|^\s|\s$|<no value>|""|''|\(\)|\s[.,;:/)]|[/(]\s`)

func TestHolesAreFound(t *testing.T) {
	for _, text := range []string{
		"messages of  in it", "lags on /0", "lags on orders/ by 3s", "dead letters of <no value>", `the group "" lags`, "it fails ()", "the outbox of .", " at a:1",
	} {
		if !hole.MatchString(text) {
			t.Errorf("no hole is found in %q", text)
		}
	}
	if found := hole.FindString("About 3k messages (2 % of orders/0), 0.5 a second, wait."); found != "" {
		t.Errorf("%q is taken for a hole", found)
	}
}

func readRules(t *testing.T, file string) (all []rulefmt.Rule) {
	t.Helper()
	groups, errs := rulefmt.ParseFile(filepath.Join(ruleFolder, file), false, model.UTF8Validation, promQL(), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for _, group := range groups.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

func TestAlertsSayWhatToDo(t *testing.T) {
	got := map[string]string{}
	for _, rule := range readRules(t, "alerts.yml") {
		if got[rule.Alert] != "" {
			t.Errorf("%s is there twice: promtool takes that for a mistake", rule.Alert)
		}
		got[rule.Alert] = rule.Labels["severity"]
		exists := func(path, where string) {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: %s: %v", rule.Alert, where, err)
			}
		}
		if !strings.Contains(rule.Annotations["summary"], "{{") {
			t.Errorf("%s: the summary %q has no value", rule.Alert, rule.Annotations["summary"])
		}
		if runbook := rule.Annotations["runbook"]; runbook != "/public/runbooks/"+rule.Alert+".md" {
			t.Errorf("%s: the runbook is %q", rule.Alert, runbook)
		}
		exists(filepath.Join(runbookFolder, rule.Alert+".md"), "runbook")
		dashboard, ok := strings.CutPrefix(rule.Annotations["dashboard"], "/d/clew-")
		if !ok {
			t.Errorf("%s: the dashboard is %q", rule.Alert, rule.Annotations["dashboard"])
		}
		exists(filepath.Join(dashboardFolder, dashboard+".json"), "dashboard")
	}
	if diff := cmp.Diff(contract, got); diff != "" {
		t.Errorf("alerts and their severity (-want +got):\n%s", diff)
	}
}

func TestEachAlertIsTestedFiringAndNot(t *testing.T) {
	fires, rests := map[string]bool{}, map[string]bool{}
	for _, path := range ruleTestFiles(t) {
		for _, test := range readRuleTests(t, path).Tests {
			for _, a := range test.Alerts {
				if contract[a.Alertname] == "" {
					t.Errorf("%s: %s: there is no alert %s", path, test.Name, a.Alertname)
				}
				fires[a.Alertname] = fires[a.Alertname] || len(a.ExpAlerts) > 0
				rests[a.Alertname] = rests[a.Alertname] || len(a.ExpAlerts) == 0
			}
		}
	}
	for name := range contract {
		if !fires[name] || !rests[name] {
			t.Errorf("%s: a test in which it fires: %t; in which it does not: %t", name, fires[name], rests[name])
		}
	}
}

func TestRulesReadWhatIsThere(t *testing.T) {
	known := knownThings(t, dashboards(t))
	for _, rule := range slices.Concat(readRules(t, "recording.yml"), readRules(t, "alerts.yml")) {
		expr, err := promQL().ParseExpr(rule.Expr)
		if err != nil {
			t.Fatal(err)
		}
		for _, selector := range selectors(expr) {
			series := selector.Name
			for _, matcher := range selector.LabelMatchers {
				if matcher.Name == model.MetricNameLabel {
					series = matcher.Value // of several series, the regular expression, which starts with their prefix
				}
			}
			if known.labels[series] == nil && !known.rules[series] && !isOthers(series) {
				t.Errorf("%s%s: %s is neither in docs/metrics.md, nor a recording rule, nor known from others", rule.Record, rule.Alert, series)
			}
		}
	}
}

func TestPrometheusReadsItsConfiguration(t *testing.T) {
	c, err := config.LoadFile("../../observability/prometheus/prometheus.yml", false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var jobs []string
	for _, scrape := range c.ScrapeConfigs {
		jobs = append(jobs, scrape.JobName)
		if len(scrape.RelabelConfigs)+len(scrape.MetricRelabelConfigs) > 0 {
			t.Errorf("%s: targets have the labels job and instance, and no other", scrape.JobName)
		}
	}
	want := []string{"order", "inventory", "collector", "tempo", "loki", "grafana", "loadtest", "prometheus"}
	if diff := cmp.Diff(want, jobs); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
}
