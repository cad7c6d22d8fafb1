package watch_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"example.com/clew/test/internal/clewtest"
)

// noSeries are the series that alerts and runbooks ask for and that are not there after a minute of orders, and why.
var noSeries = []struct{ selector, reason string }{
	{`^\{__name__=~"otelcol_`, "there is no collector without Docker"},
	{`^\{.*__name__=~"otel_sdk_.*error_type!=""|error_type!="".*__name__=~"otel_sdk_`, "it begins with the first failure"},
	{`^otel_sdk_\w+\{error_type!=""`, "it begins with the first failure"},
}

// A dashboard that nobody queried is a dashboard that says "No data".
func TestEveryQueryReturnsData(t *testing.T) {
	clew := startClew(t)
	start := time.Now()
	aMinuteOfOrders(clew)
	// Rules are evaluated every 15 s at most, each from what those before it have recorded.
	deadline := time.Now().Add(time.Minute)
	returnsData := func(t *testing.T, expr, kind string) bool {
		for !hasData(t, clew.Addresses.Viewer, expr, kind, start) {
			if time.Now().After(deadline) {
				return false
			}
			time.Sleep(time.Second)
		}
		return true
	}

	noData := clewtest.NoData()
	used := map[int]bool{}
	for _, q := range queries(t) {
		if i := slices.IndexFunc(noData, func(n clewtest.Exception) bool {
			return n.Dashboard == q.File && n.Expr.MatchString(q.Expr)
		}); i >= 0 {
			used[i] = true
			continue
		}
		t.Run(q.File+"/"+q.Panel, func(t *testing.T) {
			if !returnsData(t, q.Expr, q.Kind) {
				t.Errorf("%s returns nothing", q)
			}
		})
	}
	for i := range noData {
		if !used[i] {
			t.Errorf("no query needs the exception %v", noData[i])
		}
	}
	// An alert and a runbook's query compare: what they compare must be there.
	asked := map[string]string{}
	for _, rule := range slices.Concat(readRules(t, "recording.yml"), readRules(t, "alerts.yml")) {
		for selector := range selectorsOf(t, rule.Expr) {
			asked[selector] = rule.Record + rule.Alert
		}
		if rule.Record != "" {
			asked[rule.Record] = rule.Record
		}
	}
	for runbook, queries := range runbookQueries(t) {
		for _, query := range queries {
			for selector := range selectorsOf(t, query) {
				asked[selector] = runbook
			}
		}
	}
	for _, selector := range slices.Sorted(maps.Keys(asked)) {
		if slices.ContainsFunc(noSeries, func(n struct{ selector, reason string }) bool {
			return regexp.MustCompile(n.selector).MatchString(selector)
		}) {
			continue
		}
		t.Run(asked[selector]+"/"+selector, func(t *testing.T) {
			if !returnsData(t, selector, kindRange) {
				t.Errorf("%s asks for %s, and there is none", asked[selector], selector)
			}
		})
	}
}

// aMinuteOfOrders places orders of every SKU that misbehaves, and meanwhile and afterwards others, and some as a load test.
func aMinuteOfOrders(clew *running) {
	var placing sync.WaitGroup
	defer placing.Wait()
	placing.Go(func() {
		if code, out := clew.Load("--scenario=smoke", "--rate=5", "--duration=50s"); code > 1 { // a threshold need not hold
			clew.t.Errorf("the load test ends with %d:\n%s", code, out)
		}
	})
	for _, sku := range []string{
		"test-slow", "test-flaky", "test-poison", "test-invalid", "test-crash", "test-crash-loop", "test-out-of-stock",
	} {
		placing.Go(func() { clew.orders(sku, "1") })
	}
	for until := time.Now().Add(time.Minute); time.Now().Before(until); {
		clew.orders("load-001", "40")
		clew.orders("test-flaky", "1") // again and again: a rate needs a series that grows, and crashes begin new ones
	}
}

// hasData asks an engine as a dashboard would, and tells whether there is a number in the answer.
func hasData(t *testing.T, engine, expr, kind string, start time.Time) bool {
	t.Helper()
	now := time.Now()
	parameters := url.Values{"query": {expr}, "time": {seconds(now)}}
	path := "/api/v1/query"
	if kind == kindRange || kind == kindAnnotation {
		path = "/api/v1/query_range"
		parameters = url.Values{"query": {expr}, "start": {seconds(start)}, "end": {seconds(now)}, "step": {"5"}}
	}
	response, err := http.Get(engine + path + "?" + parameters.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct {
				Value  [2]any   // of an instant
				Values [][2]any // of a range
			}
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Status != "success" {
		t.Fatalf("%s: %s, error %v: %s", expr, answer.Status, err, answer.Error)
	}
	for _, series := range answer.Data.Result {
		for _, value := range append(series.Values, series.Value) {
			number, err := strconv.ParseFloat(fmt.Sprint(value[1]), 64)
			if err == nil && !math.IsNaN(number) {
				return true
			}
		}
	}
	return false
}

func seconds(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// selectorsOf are the series that a query reads, as queries of their own: without offsets, because a minute is not long
// enough for them.
func selectorsOf(t *testing.T, expr string) map[string]bool {
	t.Helper()
	parsed, err := promQL().ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	all := map[string]bool{}
	for _, selector := range selectors(parsed) {
		var matchers []string
		for _, matcher := range selector.LabelMatchers {
			if matcher.Name != model.MetricNameLabel || matcher.Type != labels.MatchEqual {
				matchers = append(matchers, matcher.String())
			}
		}
		text := selector.Name
		if matchers != nil {
			text += "{" + strings.Join(matchers, ", ") + "}"
		}
		all[text] = true
	}
	return all
}

var promQLBlock = regexp.MustCompile("(?s)```promql\n(.*?)```")

// runbookQueries are the queries of each runbook, the first of which is where to begin.
func runbookQueries(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	files, err := filepath.Glob(filepath.Join(runbookFolder, "*.md"))
	if err != nil || files == nil {
		t.Fatalf("no runbooks in %s, error %v", runbookFolder, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".md")
		for _, block := range promQLBlock.FindAllSubmatch(text, -1) {
			all[name] = append(all[name], strings.TrimSpace(string(block[1])))
		}
	}
	return all
}
