package browsertest

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/viewer/page/pagetest"
)

// foreignDashboards have the forms that public dashboards have: of machines, of a database, of a shop, of a load test.
var foreignDashboards = fstest.MapFS{
	// Variables that have chosen nothing, each depending on the one before, and an interval.
	"machines.json": {Data: []byte(`{"uid": "machines", "title": "Machines", "time": {"from": "now-24h"}, "templating": {"list": [
		{"name": "ds", "type": "datasource", "query": "prometheus", "current": {}},
		{"name": "job", "type": "query", "query": "label_values(uname, job)", "current": {}},
		{"name": "node", "type": "query", "query": {"query": "label_values(uname{job=\"$job\"}, instance)", "refId": "A"}, "regex": "/(.*):9100/"},
		{"name": "every", "type": "interval", "query": "1m,5m,1h"}]},
		"panels": [
		{"id": 1, "type": "gauge", "title": "CPU", "gridPos": {"x": 0, "y": 0, "w": 6, "h": 6}, "datasource": {"type": "prometheus", "uid": "${ds}"},
			"targets": [{"refId": "A", "expr": "cpu{node=\"$node\",job=\"$job\"}", "instant": true}], "options": {"reduceOptions": {"calcs": ["lastNotNull"]}}},
		{"id": 2, "type": "graph", "title": "Old", "gridPos": {"x": 6, "y": 0, "w": 6, "h": 6}, "targets": [{"expr": "a"}]},
		{"id": 3, "type": "timeseries", "title": "Disks", "repeat": "disk", "gridPos": {"x": 12, "y": 0, "w": 6, "h": 6}, "targets": [{"expr": "a"}]},
		{"id": 4, "type": "timeseries", "title": "Rate", "gridPos": {"x": 18, "y": 0, "w": 6, "h": 6}, "targets": [{"refId": "A", "expr": "rate(cpu[$every])"}]}]}`)},
	// The form of old Grafanas.
	"database.json": {Data: []byte(`{"title": "Database", "rows": [{"panels": [{"type": "graph", "targets": [{"expr": "a"}]}]}]}`)},
	// Constants, texts and choices of one's own; other sources; no place.
	"shop.json": {Data: []byte(`{"uid": "shop", "title": "Shop", "templating": {"list": [
		{"name": "unit", "type": "constant", "query": "seconds"},
		{"name": "tier", "type": "custom", "query": "Gold : 1, Silver : 2", "current": {}},
		{"name": "search", "type": "textbox", "query": "all"},
		{"name": "filter", "type": "adhoc"}]},
		"panels": [
		{"id": 1, "type": "stat", "title": "Orders", "targets": [{"refId": "A", "expr": "orders{unit=\"$unit\",tier=\"$tier\",q=\"$search\"}", "instant": true}]},
		{"id": 2, "type": "timeseries", "title": "Logs", "datasource": {"type": "loki"}, "targets": [{"refId": "A", "expr": "rate({a=\"b\"}[1m])"}]},
		{"id": 3, "type": "timeseries", "title": "Sum", "datasource": {"uid": "-- Mixed --"}, "targets": [{"refId": "A", "expr": "a"},
			{"refId": "B", "datasource": {"type": "__expr__", "uid": "__expr__"}, "type": "math", "expression": "$A * 2"}]}]}`)},
	"load.json": {Data: []byte(`{"uid": "load", "title": "Load", "panels": [
		{"id": 1, "type": "timeseries", "title": "Yesterday", "timeShift": "1d", "targets": [{"expr": "a"}]},
		{"id": 2, "type": "timeseries", "title": "Share", "targets": [{"expr": "a"}], "fieldConfig": {"defaults": {"custom": {"stacking": {"mode": "percent"}}}}},
		{"id": 3, "type": "stat", "title": "Colour", "targets": [{"expr": "a"}], "fieldConfig": {"overrides": [{"matcher": {"id": "byType", "options": "number"}}]}},
		{"id": 4, "type": "stat", "title": "Map", "targets": [{"expr": "a"}], "fieldConfig": {"defaults": {"mappings": [{"type": "regex", "options": {}}]}}},
		{"id": 5, "type": "stat", "title": "Trend", "timeFrom": "7d", "targets": [{"expr": "a"}]}]}`)},
	"empty.json": {Data: []byte(`{"uid": "empty", "title": "Empty"}`)},
	"twice.json": {Data: []byte(`{"uid": "shop", "title": "Twice"}`)},
}

func TestForeignDashboardsAreDrawnOrSayWhyNot(t *testing.T) {
	e := &engine{
		otherwise: func(string) []series { return one("1") },
		values:    map[string][]string{"job": {"node", "other"}, "instance": {"rack:9090", "web:9100"}},
	}
	s := newStageOf(t, e, foreignDashboards)
	p := s.open("/d/machines")
	asked := func(query string) {
		t.Helper()
		e.until(t, "asked "+query, func() bool { return e.count(query) > 0 })
	}
	asked(`uname{job="node"}`)
	asked(`cpu{node="web",job="node"}`)
	asked(`rate(cpu[1m])`)
	says := func(p *pagetest.Tab, want ...string) {
		t.Helper()
		p.Until("!document.querySelector('.panel-waiting')")
		if diff := cmp.Diff(want, p.Texts(".panel-empty")); diff != "" {
			t.Errorf("says (-want +got):\n%s", diff)
		}
	}
	says(p, "This page does not draw panels of type graph.", "This page does not repeat a panel for each value of disk.")

	p.Go(s.url + "/d/database")
	p.UntilText("It has rows, the form of dashboards before Grafana 5")

	p.Go(s.url + "/d/shop")
	asked(`orders{unit="seconds",tier="1",q="all"}`)
	p.UntilText("This page does not know variables of type adhoc: filter.")
	says(p, "This page does not ask a data source of type loki.", "This page does not ask a data source of type __expr__.")
	if bar := strings.Join(p.Texts(".board-bar button"), " "); !strings.Contains(bar, "tier Gold") {
		t.Errorf("the bar has %q, want the text of the value chosen", bar)
	}

	p = s.openAs("/d/load", pagetest.Look{Height: 3000})
	p.Until("document.querySelectorAll('.panel-empty').length === 5")
	says(p, "This page does not shift the time of a panel (by 1d).", "This page does not stack by percent.",
		"This page does not know the matcher byType of an override.", "This page does not know value mappings of type regex.",
		"This page does not give a panel a time range of its own (7d).")

	p.Go(s.url + "/d/empty")
	p.UntilText("This dashboard has no panels")
	p.Go(s.url + "/dashboards")
	p.UntilText(`twice.json has the uid "shop", as has the dashboard "Shop": each needs one of its own`)
}
