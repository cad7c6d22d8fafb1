package watch_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// known is what queries and links may name.
type known struct {
	labels     map[string][]string // of the services' own series, by name
	rules      map[string]bool     // recorded series
	shared     map[string]string   // the rule to use, by the series that only rules may read
	uids       map[string]bool     // of dashboards
	runbooks   map[string]bool     // names of alerts
	attributes map[string]bool     // of spans
}

// What others export: libraries in the services, Prometheus itself, and in the full stack the collector and Tempo.
var otherPrefixes = []string{"go_", "process_", "promhttp_", "otel_sdk_", "prometheus_", "scrape_", "otelcol_", "traces_"}

var (
	otherSeries = []string{"up", "ALERTS", "loadtest_offered_total", "loadtest_requests_total", "loadtest_in_flight", "loadtest_running"}
	loadTest    = []string{"loadtest_request_duration_seconds", "loadtest_end_to_end_duration_seconds"}
)

var (
	documentedMetric = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\w+) \\|([^|]*)\\|")
	inBackticks      = regexp.MustCompile("`(\\w+)`")
	quotedAttribute  = regexp.MustCompile(`"((?:messaging|cloudevents)\.[a-z_.]+)"`)
)

// conventions names the attributes of spans that are ours. Others may not import it.
const conventions = "../../services/messaging/internal/conventions/conventions.go"

func knownThings(t *testing.T, all []dashboard) known {
	t.Helper()
	k := known{labels: map[string][]string{}, rules: map[string]bool{}, shared: map[string]string{}, uids: map[string]bool{},
		runbooks: map[string]bool{}, attributes: map[string]bool{string(semconv.MessagingOperationNameKey): true}}
	for _, found := range documentedMetric.FindAllStringSubmatch(readFile(t, "../../docs/metrics.md"), -1) {
		labels := []string{"job", "instance", "le"}
		for _, label := range inBackticks.FindAllStringSubmatch(found[3], -1) {
			labels = append(labels, label[1])
		}
		for _, series := range seriesOf(found[1], found[2]) {
			k.labels[series] = labels
		}
	}
	if len(k.labels) == 0 {
		t.Fatal("docs/metrics.md has no table of metrics")
	}
	for _, rule := range readRules(t, "recording.yml") {
		k.addRule(rule)
	}
	for _, d := range all {
		k.uids[d.UID] = true
	}
	for name := range readRunbooks(t) {
		k.runbooks[name] = true
	}
	for _, found := range quotedAttribute.FindAllStringSubmatch(readFile(t, conventions), -1) {
		k.attributes[found[1]] = true
	}
	return k
}

// seriesOf returns the names that the series of a metric have.
func seriesOf(metric, kind string) []string {
	if kind == "histogram" {
		return []string{metric + "_bucket", metric + "_sum", metric + "_count"}
	}
	return []string{metric}
}

// addRule makes a rule known. What it takes the maximum of is shared by replicas, so that nothing else may read it.
func (k known) addRule(rule rulefmt.Rule) {
	k.rules[rule.Record] = true
	if !strings.HasPrefix(rule.Expr, "max ") {
		return
	}
	expr, err := promQL().ParseExpr(rule.Expr)
	if err != nil {
		return // rulefmt has parsed it
	}
	for _, selector := range selectors(expr) {
		if _, ok := k.labels[selector.Name]; ok {
			k.shared[selector.Name] = rule.Record
		}
	}
}

func promQL() parser.Parser { return parser.NewParser(parser.Options{}) }

func selectors(expr parser.Expr) (all []*parser.VectorSelector) {
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			all = append(all, selector)
		}
		return nil
	})
	return all
}

// queryProblems wants queries that can be asked, of series that exist.
func (k known) queryProblems(expr string) (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if found := variableName.FindString(expr); found != "" {
		say("%s is no variable of the dashboard", found)
		return problems
	}
	parsed, err := promQL().ParseExpr(expr)
	if err != nil {
		say("%v", err)
		return problems
	}
	for _, selector := range selectors(parsed) {
		series := selector.Name
		own, isOwn := k.labels[series]
		rule, isShared := k.shared[series]
		switch {
		case series == "":
			say("%s names no metric", selector)
		case isShared:
			say("each replica reports %s, which all of them share: use a rule such as %s", series, rule)
		case isOwn:
			for _, matcher := range selector.LabelMatchers {
				if matcher.Name != model.MetricNameLabel && !slices.Contains(own, matcher.Name) {
					say("%s has no label %s, it has %v", series, matcher.Name, own)
				}
			}
		case !k.rules[series] && !isOthers(series):
			say("%s is neither in docs/metrics.md, nor a recording rule, nor known from others", series)
		}
	}
	return problems
}

func isOthers(series string) bool {
	for _, histogram := range loadTest {
		if slices.Contains(seriesOf(histogram, "histogram"), series) {
			return true
		}
	}
	return slices.Contains(otherSeries, series) ||
		slices.ContainsFunc(otherPrefixes, func(prefix string) bool { return strings.HasPrefix(series, prefix) })
}

var (
	links          = regexp.MustCompile(`"url": "([^"]+)"|\]\(([^)]+)\)`)
	spanAttributes = regexp.MustCompile(`(?:span|resource)\.([a-z_.]+)`)
)

// linksOf returns the links of a dashboard, those in its texts too, each once.
func linksOf(text string) (all []string) {
	for _, found := range links.FindAllStringSubmatch(text, -1) {
		all = append(all, found[1]+found[2])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// linkProblems wants links that lead somewhere, to what each dashboard leads to.
func (k known) linkProblems(text string) (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	seen := map[string]bool{}
	for _, link := range linksOf(text) {
		path, query, _ := strings.Cut(link, "?")
		runbook, isRunbook := strings.CutPrefix(path, "/public/runbooks/")
		uid, isDashboard := strings.CutPrefix(path, "/d/")
		switch {
		case isDashboard:
			seen["another dashboard"] = true
			if !k.uids[uid] {
				say("%s is no dashboard, there are %v", path, slices.Sorted(maps.Keys(k.uids)))
			}
		case isRunbook:
			seen["a runbook"] = true
			if runbook != "${__value.raw}.md" && !k.runbooks[strings.TrimSuffix(runbook, ".md")] {
				say("%s: observability/runbooks has no %s", path, runbook)
			}
		case path == "/explore":
			seen["traces"] = true
			if problem := k.exploreProblem(query); problem != "" {
				say("%s: %s", link, problem)
			}
		default:
			say("%s leads to no dashboard, runbook or traces", link)
		}
	}
	for _, want := range []string{"another dashboard", "a runbook", "traces"} {
		if !seen[want] {
			say("to %s is missing", want)
		}
	}
	return problems
}

// exploreProblem wants a search for traces in the dashboard's time range, by attributes that spans have.
func (k known) exploreProblem(query string) string {
	values, err := url.ParseQuery(query)
	if err != nil {
		return err.Error()
	}
	var panes map[string]struct {
		Datasource string
		Queries    []struct {
			Datasource source
			QueryType  string
			Query      string
		}
		Range struct{ From, To string }
	}
	if err := json.Unmarshal([]byte(values.Get("panes")), &panes); err != nil {
		return fmt.Sprintf("panes: %v", err)
	}
	pane, ok := panes["traces"]
	if !ok || len(panes) != 1 || len(pane.Queries) != 1 || values.Get("schemaVersion") != "1" {
		return "want schemaVersion 1 and one pane, traces, with one query"
	}
	asked := pane.Queries[0]
	switch {
	case pane.Datasource != "tempo" || asked.Datasource != source{"tempo", "tempo"}:
		return fmt.Sprintf("asks %q, want the data source \"tempo\"", asked.Datasource.UID)
	case asked.QueryType != "traceql" || !strings.HasPrefix(asked.Query, "{"):
		return fmt.Sprintf("asks for %s of %s, want TraceQL", asked.Query, asked.QueryType)
	case pane.Range.From != "${__from}" || pane.Range.To != "${__to}":
		return fmt.Sprintf("asks for the time %+v, want the dashboard's, ${__from} and ${__to}", pane.Range)
	}
	for _, found := range spanAttributes.FindAllStringSubmatch(asked.Query, -1) {
		if !k.attributes[found[1]] {
			return fmt.Sprintf("no span has the attribute %s, known are %v", found[1], slices.Sorted(maps.Keys(k.attributes)))
		}
	}
	return ""
}
