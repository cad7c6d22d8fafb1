package watch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDashboardsKeepToTheConventions(t *testing.T) {
	all := dashboards(t)
	known := knownThings(t, all)
	for _, d := range all {
		for _, problem := range d.problems(known) {
			t.Error(problem)
		}
	}
}

func TestAllDashboardsAreThere(t *testing.T) {
	var got []string
	for _, d := range dashboards(t) {
		got = append(got, d.UID)
	}
	want := []string{"clew-dead-letters", "clew-load-test", "clew-outbox-database", "clew-overview", "clew-services",
		"clew-streams", "clew-telemetry"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dashboards (-want +got):\n%s", diff)
	}
}

func TestEveryRunbookIsLinkedFromAPanel(t *testing.T) {
	all := dashboards(t)
	linked := ""
	for _, d := range all {
		linked += d.Text
	}
	for name := range knownThings(t, all).runbooks {
		if !strings.Contains(linked, "/public/runbooks/"+name+`.md"`) {
			t.Errorf("no panel has a link to the runbook %s: who looks at what its alert is about should find it", name)
		}
	}
}

// What the conventions refuse, in one dashboard.
func TestProblemsOfADashboardAreFound(t *testing.T) {
	good, err := os.ReadFile(filepath.Join(dashboardFolder, "streams.json"))
	if err != nil {
		t.Fatal(err)
	}
	known := knownThings(t, dashboards(t))
	for _, test := range []struct{ old, new, want string }{
		{`"schemaVersion": 42`, `"schemaVersion": 41`, "the schemaVersion is 41, want 42"},
		{`"version": 1`, `"id": 7`, `unknown field "id"`},
		{`"title": "Streams"`, `"title":   "Streams"`, "write it as `jq .` does"},
		{`"uid": "clew-streams"`, `"uid": "streams"`, `the uid is "streams", want "clew-streams"`},
		{`"type": "row"`, `"type": "piechart"`, `the type "piechart" is none of`},
		{`"title": "Lag in messages"`, `"title": "Panel Title"`, `the title "Panel Title" says nothing`},
		{`"title": "Lag in messages"`, `"title": "Lag in seconds"`, `another panel has the title, too`},
		{`"title": "Lag in messages"`, `"title": "What lags"`, `a title that is a question ends in "?"`},
		{`"title": "Lag in messages"`, `"title": "Does it lag? Or not"`, `a title that is a question ends in "?"`},
		{`more is sent than the group takes; add consumers, or see what slows the handler.`, ``, "says what to do when it is bad"},
		{`"unit": "mps"`, `"unit": ""`, "fieldConfig.defaults.unit is missing"},
		{`"unit": "mps"`, `"unit": "µkat"`, `the unit "µkat" is none of`},
		{`"uid": "${datasource}"`, `"uid": "prometheus"`, "variable stream: want the data source ${datasource}"},
		{"\n        \"uid\": \"${datasource}\"", "\n        \"uid\": \"prometheus\"", "the data source is {prometheus prometheus}, want ${datasource}"},
		{`"id": "merge"`, `"id": "joinByField"`, `the transformation "joinByField" is none of`},
		{`"noValue": "no traffic"`, `"noValue": ""`, "noValue is missing"},
		{`"exemplar": true`, `"exemplar": false`, "no target has exemplar: true"},
		{`"x": 8`, `"x": 7`, "overlaps"},
		{`"x": 8`, `"x": 20`, "beyond column 24"},
		{`"id": 4,`, `"id": 5,`, "another panel has the id 5, too"},
		{`[$__rate_interval]`, `[5m]`, "the range [5m] is fixed, want [$__rate_interval]"},
		{`{{outcome}}`, `{{result}}`, "the legend has result"},
		{`rate(messaging_taken_over_messages_total{`, `rate(messaging_taken_over_messages_total{{`, "parse error"},
		{`rate(messaging_taken_over_messages_total{`, `rate(messaging_taken_over_total{`, "messaging_taken_over_total is neither"},
		{`rate(messaging_taken_over_messages_total{`, `rate({__name__=~\"messaging_.*\",`, "names no metric"},
		{`rate(messaging_taken_over_messages_total{`, `rate(messaging_taken_over_messages_total{shade=\"red\",`, "has no label shade"},
		{`stream_group_partition:messaging_stream_consumers:max`, `messaging_stream_consumers`, "each replica reports messaging_stream_consumers"},
		{`=~\"$stream\"`, `=~\"$streams\"`, "$streams is no variable"},
		{`/d/clew-services`, `/d/clew-service`, "/d/clew-service is no dashboard"},
		{`/public/runbooks/StreamLag.md`, `/public/runbooks/StreamLags.md`, "observability/runbooks has no StreamLags.md"},
		{`"/public/runbooks/StreamLag.md"`, `"https://example.com/"`, "https://example.com/ leads to no"},
		{`%22uid%22%3A%22tempo%22`, `%22uid%22%3A%22jaeger%22`, `asks "jaeger", want the data source "tempo"`},
		{`span.messaging.operation.name`, `span.messaging.operation`, "no span has the attribute messaging.operation"},
		{"\n                \"value\": 5", "\n                \"value\": 6", "has no threshold at 5"},
	} {
		text := strings.Replace(string(good), test.old, test.new, 1)
		if text == string(good) {
			t.Errorf("streams.json has no %s to be replaced", test.old)
		}
		var problems string
		if d, err := parseDashboard("streams.json", text); err != nil {
			problems = err.Error()
		} else {
			problems = strings.Join(d.problems(known), "\n")
		}
		if !strings.Contains(problems, test.want) {
			t.Errorf("with %s the problems are\n%s\nwant one that has %q", test.new, problems, test.want)
		}
	}
}

var (
	panelTypes      = []string{"timeseries", "stat", "gauge", "bargauge", "table", "heatmap", "text", "row"}
	transformations = []string{"merge", "organize"}
	units           = []string{"none", "short", "string", "s", "percentunit", "bytes", "cps", "ops", "reqps", "mps"}
	defaultTitles   = []string{"", "Panel Title", "New panel", "New Panel", "Row title"}
)

// objective says at which value a panel that draws a series needs a threshold.
var objective = map[string]float64{
	"messaging_stream_lag_seconds:max":      5,
	"order_completion_seconds_bucket":       5,
	"messaging_end_to_end_duration_seconds": 5,
	"loadtest_end_to_end_duration_seconds":  5,
	"outbox_oldest_message_seconds:max":     5,
	"orders_objective_bad:ratio_rate1h":     14.4,
	"orders_objective_bad:ratio_rate6h":     6,
	"result:orders_objective:rate":          0.995,
	"messaging_dead_letter_messages:max":    1000,
}

// problems returns what the conventions refuse; each names the file, and the panel.
func (d dashboard) problems(known known) (problems []string) {
	say := func(format string, args ...any) {
		problems = append(problems, d.File+": "+fmt.Sprintf(format, args...))
	}
	name := strings.TrimSuffix(d.File, ".json")
	if d.UID != "clew-"+name {
		say("the uid is %q, want %q", d.UID, "clew-"+name)
	}
	if d.SchemaVersion != 42 {
		say("the schemaVersion is %d, want 42", d.SchemaVersion)
	}
	if d.Title == "" || d.Description == "" || !slices.Equal(d.Tags, []string{"clew"}) {
		say("want a title, a description and the tag clew")
	}
	if d.GraphTooltip != 1 || d.Refresh != "5s" || d.Time.From != "now-15m" || d.Time.To != "now" {
		say("want graphTooltip 1 (a shared cursor), refresh 5s and the time from now-15m to now")
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" && (!isVariable(v.Datasource) || !v.Multi || !v.IncludeAll || v.AllValue == "") {
			say("variable %s: want the data source ${datasource}, multi, includeAll and an allValue", v.Name)
		}
	}
	if len(d.Templating.List) == 0 || d.Templating.List[0].Name != "datasource" || d.Templating.List[0].Type != "datasource" {
		say("the first variable is not datasource")
	}
	for _, a := range d.Annotations.List {
		if !isVariable(a.Datasource) {
			say("annotation %q: the data source is %v, want ${datasource}", a.Name, a.Datasource)
		}
	}
	problems = append(problems, d.layoutProblems()...)
	for _, p := range d.allPanels() {
		for _, problem := range p.problems() {
			say("%q: %s", p.Title, problem)
		}
	}
	for _, q := range d.queries() {
		for _, problem := range known.queryProblems(q.Expr) {
			say("%q: %s: %s", q.Panel, q.Expr, problem)
		}
	}
	for _, problem := range known.linkProblems(d.Text) {
		say("link %s", problem)
	}
	return problems
}

func isVariable(s source) bool { return s == source{"prometheus", "${datasource}"} }

func (d dashboard) layoutProblems() (problems []string) {
	say := func(p panel, format string, args ...any) {
		problems = append(problems, fmt.Sprintf("%s: %q: ", d.File, p.Title)+fmt.Sprintf(format, args...))
	}
	ids, titles, number := map[int]bool{}, map[string]bool{}, 0
	for i, p := range d.Panels {
		if p.Type != "row" {
			number++
		}
		if ids[p.ID] {
			say(p, "another panel has the id %d, too", p.ID)
		}
		if titles[p.Title] {
			say(p, "another panel has the title, too")
		}
		ids[p.ID], titles[p.Title] = true, true
		at := p.GridPos
		if at.W < 1 || at.H < 1 || at.X < 0 || at.X+at.W > 24 {
			say(p, "gridPos %+v is empty or goes beyond column 24", at)
		}
		for _, other := range d.Panels[:i] {
			o := other.GridPos
			if at.X < o.X+o.W && o.X < at.X+at.W && at.Y < o.Y+o.H && o.Y < at.Y+at.H {
				say(p, "gridPos %+v overlaps that of %q, %+v", at, other.Title, o)
			}
		}
	}
	if number > 20 {
		problems = append(problems, fmt.Sprintf("%s: has %d panels, want at most 20: one question a row", d.File, number))
	}
	return problems
}

var (
	ranges       = regexp.MustCompile(`\[([^\]]*)\]`)
	question     = regexp.MustCompile(`^(What|Where|Which|Who|Why|How|When|Is|Are|Do|Does|Can)\b|\?`)
	legendLabels = regexp.MustCompile(`\{\{(\w+)\}\}`)
)

func (p panel) problems() (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if !slices.Contains(panelTypes, p.Type) {
		say("the type %q is none of %v", p.Type, panelTypes)
	}
	if slices.Contains(defaultTitles, p.Title) {
		say("the title %q says nothing", p.Title)
	}
	if question.MatchString(p.Title) && !strings.HasSuffix(p.Title, "?") {
		say("a title that is a question ends in \"?\"")
	}
	if p.Type == "row" {
		if !strings.HasSuffix(p.Title, "?") {
			say("the title of a row is the question that its panels answer")
		}
		return problems
	}
	if _, action, ok := strings.Cut(p.Description, "?"); !ok || p.Type != "text" && len(strings.Fields(action)) < 5 {
		say("want a description that asks the panel's question, and says what to do when it is bad")
	}
	if p.Type == "text" {
		return problems
	}
	defaults := p.FieldConfig.Defaults
	switch {
	case defaults.Unit == "":
		say("fieldConfig.defaults.unit is missing")
	case !slices.Contains(units, defaults.Unit):
		say("the unit %q is none of %v", defaults.Unit, units)
	}
	if defaults.NoValue == "" {
		say("fieldConfig.defaults.noValue is missing: what it means that there is no data")
	}
	for _, transformation := range p.Transformations {
		if !slices.Contains(transformations, transformation.ID) {
			say("the transformation %q is none of %v", transformation.ID, transformations)
		}
	}
	if !isVariable(p.Datasource) {
		say("the data source is %v, want ${datasource}", p.Datasource)
	}
	histogram := func(t target) bool { return strings.Contains(t.Expr, "_bucket") }
	if p.Type == "timeseries" && slices.ContainsFunc(p.Targets, histogram) &&
		!slices.ContainsFunc(p.Targets, func(t target) bool { return histogram(t) && t.Exemplar }) {
		say("is drawn from a histogram, but no target has exemplar: true")
	}
	for _, t := range p.Targets {
		for _, problem := range p.targetProblems(t) {
			say("target %s: %s", t.RefID, problem)
		}
	}
	return problems
}

func (p panel) targetProblems(t target) (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if !isVariable(t.Datasource) {
		say("the data source is %v, want ${datasource}", t.Datasource)
	}
	if single := p.Type == "stat" || p.Type == "gauge" || p.Type == "bargauge" || p.Type == "table"; single != t.Instant {
		say("instant is %t: a %s draws the opposite", t.Instant, p.Type)
	}
	for _, found := range ranges.FindAllStringSubmatch(t.Expr, -1) {
		if found[1] != "$__rate_interval" && (found[1] != "$__range" || !t.Instant) {
			say("the range %s is fixed, want [$__rate_interval], or [$__range] for one value", found[0])
		}
	}
	for _, found := range legendLabels.FindAllStringSubmatch(t.LegendFormat, -1) {
		if strings.Contains(t.Expr, "by (") && !strings.Contains(t.Expr, found[1]) {
			say("the legend has %s, by which the query does not group", found[1])
		}
	}
	for series, value := range objective {
		at := func(s step) bool { return s.Value != nil && *s.Value == value }
		drawn := p.Type == "timeseries" || p.Type == "stat"
		if drawn && strings.Contains(t.Expr, series) && !slices.ContainsFunc(p.FieldConfig.Defaults.Thresholds.Steps, at) {
			say("shows %s and has no threshold at %v, which the objective or an alert has", series, value)
		}
	}
	return problems
}
