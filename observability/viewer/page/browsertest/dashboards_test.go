package browsertest

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/viewer/page/pagetest"
)

const exemplarTrace = "0123456789abcdef0123456789abcdef"

func TestAStatShowsUnitAndThreshold(t *testing.T) {
	e := &engine{answers: map[string][]series{"slow": one("7.5"), "quick": one("0.02"), "nan": one("NaN"), "each": {
		{map[string]string{"job": "order"}, "1"}, {map[string]string{"job": "inventory"}, "0"}}}}
	stat := `"type": "stat", "targets": [{"refId": "A", "expr": "%s", "instant": true, "legendFormat": "{{job}}"}], "fieldConfig": {"defaults": {
		"unit": "s", "noValue": "no traffic", "thresholds": {"mode": "absolute", "steps": [{"color": "green", "value": null}, {"color": "red", "value": 5}]}}}`
	p := openBoardAs(t, e, board("", fmt.Sprintf(stat, "slow"), fmt.Sprintf(stat, "quick"), fmt.Sprintf(stat, "none"), fmt.Sprintf(stat, "nan"),
		fmt.Sprintf(stat, "each")), "", pagetest.Look{Height: 2000})
	p.Until("document.querySelectorAll('.stat').length === 6")
	if diff := cmp.Diff([]string{"7.5 s", "20 ms", "no traffic", "no traffic", "1 s", "0 s"}, p.Texts(".stat-value")); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"order", "inventory"}, p.Texts(".stat-name")); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	want := []string{"var(--c-red)", "var(--c-green)", "var(--dim)", "var(--dim)", "var(--c-green)", "var(--c-green)"}
	if diff := cmp.Diff(want, pagetest.Eval[[]string](p, `[...document.querySelectorAll('.stat')].map(e => e.style.getPropertyValue('--color'))`)); diff != "" {
		t.Errorf("colours (-want +got):\n%s", diff)
	}
}

const lines = `"type": "timeseries", "targets": [{"refId": "A", "expr": "%s", "legendFormat": "{{job}}", "exemplar": true}],
	"fieldConfig": {"defaults": {"unit": "s", "min": 0}}, "options": {"tooltip": {"mode": "multi", "sort": "desc"}}`

// atCursor is what is shown there.
const atCursor = `(document.querySelector('.chart-tooltip')?.innerText.replace(/\s+/g, ' ') ?? '')`

func TestALegendNamesItsSeriesAndChooses(t *testing.T) {
	e := &engine{answers: map[string][]series{"up": {
		{map[string]string{"job": "order"}, "1"}, {map[string]string{"job": "inventory"}, "2"}, {map[string]string{"job": "loadtest"}, "3"},
	}}}
	p := openBoardAs(t, e, board("", fmt.Sprintf(lines, "up")), "?refresh=1s", pagetest.Look{})
	p.Until("document.querySelectorAll('.legend button').length === 3")
	if diff := cmp.Diff([]string{"order", "inventory", "loadtest"}, p.Texts(".legend button")); diff != "" {
		t.Errorf("legend (-want +got):\n%s", diff)
	}
	const shown = "[...document.querySelectorAll('.legend button, .legend-table button')].filter(b => b.ariaPressed === 'true').map(b => b.textContent).join(' ')"
	is := func(want string) {
		t.Helper()
		p.Until(shown + " === '" + want + "'")
	}
	at := func(want string) {
		t.Helper()
		p.Focus(".chart-plot")
		p.Keys(kb.ArrowLeft)
		p.Until(atCursor + ".replace(/^\\S+ /, '') === '" + want + "'")
		p.Keys(kb.Escape)
		p.Until(atCursor + " === ''")
	}
	ctrl := chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(chromedp.ModifierCtrl))
	at("loadtest 3 s inventory 2 s order 1 s") // sorted
	p.Click(".legend li:nth-child(2) button")
	is("inventory")
	at("inventory 2 s")
	turns := e.count("up")
	e.until(t, "two turns", func() bool { return e.count("up") >= turns+2 })
	is("inventory")
	p.Focus(".legend li:nth-child(1) button")
	p.Do(ctrl)
	is("order inventory")
	at("inventory 2 s order 1 s")
	p.Click(".panel-enlarge")
	p.Until("document.querySelector('.legend-table')")
	is("order inventory") // large, too
	p.Press("inventory")
	is("inventory")
	p.Press("inventory")
	is("order inventory loadtest")
	p.Focus(".legend-table tr:nth-child(3) button")
	p.Do(ctrl)
	is("order inventory")
	p.Keys(kb.Enter)
	is("loadtest")
}

func TestAnExemplarOpensItsTrace(t *testing.T) {
	for name, follow := range map[string]func(p *pagetest.Tab){
		"click": func(p *pagetest.Tab) { p.Click(".chart-mark") },
		"Enter": func(p *pagetest.Tab) { p.Focus(".chart-mark"); p.Keys(kb.Enter) },
	} {
		t.Run(name, func(t *testing.T) {
			e := &engine{answers: map[string][]series{"up": one("1")}, exemplars: map[string]string{"up": exemplarTrace}}
			p := openBoard(t, e, board("", fmt.Sprintf(lines, "up")))
			p.Until("document.querySelector('.chart-mark')")
			if label := pagetest.Eval[string](p, "document.querySelector('.chart-mark').ariaLabel"); !strings.HasSuffix(label, "500 ms") {
				t.Errorf("the exemplar is labelled %q, want its value, 500 ms", label)
			}
			follow(p)
			p.Until("location.pathname === '/traces/" + exemplarTrace + "'")
		})
	}
}

const variables = `"templating": {"list": [
	{"name": "datasource", "type": "datasource", "query": "prometheus"},
	{"name": "stream", "label": "Stream", "type": "query", "query": {"query": "label_values(length, stream)"}, "multi": true, "includeAll": true,
		"allValue": ".*", "current": {"value": ["$__all"]}},
	{"name": "group", "label": "Group", "type": "query", "query": {"query": "label_values(lag{stream=~\"$stream\"}, group)"}, "multi": true,
		"includeAll": true, "allValue": ".*", "current": {"value": ["$__all"]}}]},`

func TestVariablesStandInQueries(t *testing.T) {
	e := &engine{otherwise: func(string) []series { return one("1") }, values: map[string][]string{"stream": {"orders", "st.ck"}, "group": {"inventory"}}}
	p := openBoard(t, e, board(variables, fmt.Sprintf(lines, `rate(lag{stream=~\"$stream\", group=~\"${group}\"}[$__rate_interval])`)))
	asked := func(query string) {
		t.Helper()
		e.until(t, "asked "+query, func() bool { return e.count(query) > 0 })
	}
	asked(`rate(lag{stream=~".*", group=~".*"}[8s])`)
	choose := func(button, value string) {
		t.Helper()
		p.Click(fmt.Sprintf(".board-bar button[popovertarget]:nth-of-type(%s)", button))
		p.Until(fmt.Sprintf("[...document.querySelectorAll('.popover:popover-open label')].find(l => l.textContent === %q)?.click() === undefined &&"+
			" new URLSearchParams(location.search).toString().includes(%q)", value, url.QueryEscape(value)))
	}
	choose("1", "st.ck")
	asked(`length`)
	asked(`rate(lag{stream=~"st\\.ck", group=~".*"}[8s])`)
	p.Keys(kb.Escape)
	choose("2", "inventory")
	asked(`lag{stream=~"st\\.ck"}`) // chained
	asked(`rate(lag{stream=~"st\\.ck", group=~"inventory"}[8s])`)
}

func TestATableMergesOrganizesAndLinks(t *testing.T) {
	stream := func(name, value string) series { return series{map[string]string{"stream": name}, value} }
	e := &engine{answers: map[string][]series{"a": {stream("orders", "1536"), stream("stock", "2")}, "b": {stream("orders", "7")}}}
	p := openBoard(t, e, board("", `"type": "table", "targets": [{"refId": "A", "expr": "a", "instant": true, "format": "table"},
		{"refId": "B", "expr": "b", "instant": true, "format": "table"}], "transformations": [{"id": "merge"}, {"id": "organize", "options": {
		"excludeByName": {"Time": true}, "indexByName": {"stream": 0, "Value #B": 1}, "renameByName": {"stream": "Stream", "Value #A": "Size", "Value #B": "Age"}}}],
		"fieldConfig": {"defaults": {"unit": "short"}, "overrides": [
		{"matcher": {"id": "byName", "options": "Size"}, "properties": [{"id": "unit", "value": "bytes"}]},
		{"matcher": {"id": "byName", "options": "Age"}, "properties": [{"id": "unit", "value": "s"}, {"id": "custom.cellOptions", "value": {"type": "color-text"}},
			{"id": "thresholds", "value": {"steps": [{"color": "green", "value": null}, {"color": "red", "value": 5}]}}]},
		{"matcher": {"id": "byName", "options": "Stream"}, "properties": [{"id": "links", "value": [{"title": "Runbook", "url": "/public/runbooks/${__value.raw}.md"}]}]}]}`))
	p.Until("document.querySelector('tbody tr')")
	if diff := cmp.Diff([]string{"Stream", "Age", "Size", "orders", "7 s", "1.5 KiB", "stock", "", "2 B"}, p.Texts("th, td")); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
	if got := pagetest.Eval[string](p, "document.querySelector('td a').getAttribute('href')"); got != "/runbooks/orders" {
		t.Errorf("the link leads to %s, want /runbooks/orders", got)
	}
	if got := pagetest.Eval[string](p, "document.querySelector('td:nth-child(2) span').style.color"); got != "var(--c-red)" {
		t.Errorf("7 s is %s, want the red of its threshold", got)
	}
}

func TestAnnotationsAreDrawn(t *testing.T) {
	e := &engine{answers: map[string][]series{"up": one("1"), "running > 0": one("1")}}
	p := openBoard(t, e, board(`"annotations": {"list": [{"name": "Runs", "enable": true, "iconColor": "blue", "titleFormat": "Load test",
		"textFormat": "a load test runs", "target": {"expr": "running > 0", "interval": "5s"}}]},`, fmt.Sprintf(lines, "up")))
	p.Until("document.querySelector('.legend')")
	p.Focus(".chart-plot")
	p.Keys(kb.Home)
	p.Until(atCursor + ".includes('Load test: a load test runs')")
	p.Keys(kb.Escape)
	marked := pagetest.Eval[string](p, "document.querySelector('canvas').toDataURL()")
	p.Click(".board-bar input")
	p.Until(fmt.Sprintf("document.querySelector('canvas').toDataURL() !== %q", marked))
}

func TestWhatCannotBeDrawnIsNamed(t *testing.T) {
	e := &engine{answers: map[string][]series{"a": one("1")}}
	p := openBoard(t, e, board("", `"type": "piechart"`, `"type": "logs"`,
		`"type": "table", "targets": [{"refId": "A", "expr": "a", "instant": true}], "transformations": [{"id": "joinByField"}]`,
		`"type": "stat", "targets": [{"refId": "A", "expr": "a", "instant": true}], "options": {"reduceOptions": {"calcs": ["variance"]}}`))
	p.UntilText("This page does not draw panels of type piechart.")
	p.UntilText("This page does not know the transformation joinByField.")
	p.UntilText("This page does not know the calculation variance.")
	p.Until("document.querySelector('[data-panel=\"2\"] a[href=\"/traces\"]')")
}

func TestAQueryThatFailsIsShownInItsPanelAndComesBack(t *testing.T) {
	e := &engine{answers: map[string][]series{"good": one("1"), "bad": one("2")}, failing: map[string]string{"bad": "the query is too much"}}
	p := openBoardAs(t, e, board("", fmt.Sprintf(lines, "good"), fmt.Sprintf(lines, "bad")), "?refresh=1s", pagetest.Look{Height: 1200})
	p.Until("document.querySelector('[data-panel=\"2\"] .problem')?.textContent === 'the query is too much'")
	p.Until("document.querySelector('[data-panel=\"1\"] canvas')")
	e.set(func() { e.failing = nil })
	p.Until("document.querySelector('[data-panel=\"2\"] canvas') && !document.querySelector('.problem')")
}

func TestNoDataSaysWhatThatMeans(t *testing.T) {
	empty := strings.Replace(fmt.Sprintf(lines, "none"), `"min": 0`, `"noValue": "no load test"`, 1)
	p := openBoard(t, &engine{}, board("", empty+`, "description": "Does one run? `+"`make load`"+` starts one.", "links": [{"title": "Streams", "url": "/d/clew-streams?${__url_time_range}"}]`,
		fmt.Sprintf(lines, "none")))
	p.Until("document.querySelectorAll('.panel-empty').length === 2")
	if diff := cmp.Diff([]string{"no load test", "No data"}, p.Texts(".panel-empty")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	p.Focus(".panel-about")
	p.Keys(kb.Enter)
	p.Until("document.querySelector('.popover:popover-open code')?.textContent === 'make load'")
	p.Until("document.querySelector('.popover:popover-open a').getAttribute('href') === '/d/clew-streams?from=now-15m&to=now'")
	p.Keys(kb.Escape)
	p.Until("!document.querySelector('.popover:popover-open')")
}

func TestHostileValuesAreText(t *testing.T) {
	const hostile = `<img src=x onerror=alert(1)>"]}) ${__from} \u202e`
	e := &engine{otherwise: func(string) []series { return []series{{map[string]string{"job": hostile}, "1"}} }}
	p := openBoard(t, e, board("", fmt.Sprintf(lines, "up"),
		`"type": "table", "targets": [{"refId": "A", "expr": "a", "instant": true, "format": "table"}]`,
		`"type": "text", "options": {"content": "<b>x</b> [y](javascript:alert(1)) [z](https://example.com)"}`))
	p.Until("document.querySelector('.legend button') && document.querySelector('td')")
	p.UntilText("<b>x</b> y z")
	want := strings.Join(strings.Fields(hostile), " ")
	if got := p.Texts(".legend button, td:nth-child(2)"); !cmp.Equal([]string{want, want}, got) {
		t.Errorf("shown is %q, want %q twice", got, want)
	}
	if n := pagetest.Eval[int](p, "document.querySelectorAll('main img, main b, .panel a:not([href^=\"/query?\"], .panel-enlarge)').length"); n > 0 {
		t.Errorf("%d elements were made of text", n)
	}
}

func TestOnlyWhatIsSeenIsAskedAndNothingTwice(t *testing.T) {
	e := &engine{otherwise: func(string) []series { return one("1") }, held: map[string]chan struct{}{"slow": make(chan struct{})}}
	panels := []string{fmt.Sprintf(lines, "slow"), fmt.Sprintf(lines, "quick")}
	for range 6 {
		panels = append(panels, `"type": "text", "options": {"content": "far"}`)
	}
	p := openBoardAs(t, e, board("", append(panels, fmt.Sprintf(lines, "unseen"))...), "?refresh=1s", pagetest.Look{})
	e.until(t, "four turns", func() bool { return e.count("quick") >= 4 })
	if n := e.count("slow"); n != 1 {
		t.Errorf("what was not answered was asked %d times, want once", n)
	}
	if n := e.count("unseen"); n != 0 {
		t.Errorf("what is not seen was asked %d times", n)
	}
	pagetest.Eval[bool](p, "(document.querySelector('.panel:last-child').scrollIntoView(), true)")
	e.until(t, "asked once it is seen", func() bool { return e.count("unseen") > 0 })
	e.set(func() { close(e.held["slow"]) })
}

func TestTheRangeIsChosenAndKept(t *testing.T) {
	e := &engine{otherwise: func(string) []series { return one("1") }}
	p := openBoard(t, e, board(`"links": [{"type": "link", "title": "Next", "url": "/d/clew-other", "keepTime": true}, {"type": "dashboards", "title": "All", "keepTime": true}],`,
		fmt.Sprintf(lines, "rate(a[$__range])")))
	e.until(t, "asked for 15 min", func() bool { return e.count("rate(a[900s])") > 0 })
	p.Click(".range [popovertarget]")
	p.Press("Last 1 h")
	e.until(t, "asked for an hour", func() bool { return e.count("rate(a[3600s])") > 0 })
	p.Until("location.search.includes('from=now-1h')")
	p.Until("document.querySelector('a.button').getAttribute('href') === '/d/clew-other?from=now-1h&to=now'")
	p.Until("document.querySelector('.popover a[href=\"/d/other?from=now-1h&to=now\"]')")
}

func TestARowIsFolded(t *testing.T) {
	p := openBoard(t, &engine{}, board("", `"type": "row"`, `"type": "text", "options": {"content": "inside"}`))
	p.UntilText("inside")
	p.Focus(".board-row button")
	p.Keys(kb.Enter)
	p.Until("!document.querySelector('.panel') && document.querySelector('.board-row button').ariaExpanded === 'false'")
}

// Every panel of the dashboards is drawn, whatever the width, from answers that fit.
func TestTheSevenAreDrawn(t *testing.T) {
	e := &engine{otherwise: func(query string) []series {
		if strings.HasPrefix(query, "sum by (le)") {
			return []series{{map[string]string{"le": "0.1"}, "2"}, {map[string]string{"le": "1.0"}, "5"}, {map[string]string{"le": "+Inf"}, "6"}}
		}
		return []series{{map[string]string{"job": "order", "messaging_destination_name": "orders"}, "0.5"}}
	}}
	s := newStageOf(t, e, os.DirFS("../../../../grafana/dashboards"))
	p := s.open("/dashboards")
	p.Until("document.querySelectorAll('.dashboards a').length === 7")
	addresses := pagetest.Eval[[]string](p, "[...document.querySelectorAll('.dashboards a')].map(a => a.getAttribute('href'))")
	for _, width := range []int64{1280, 390} {
		p := s.openAs("/dashboards", pagetest.Look{Width: width, Height: 8000})
		for _, address := range addresses {
			t.Run(fmt.Sprint(address, " ", width), func(t *testing.T) {
				p := p.In(t)
				p.Go(s.url + address)
				p.Until("document.querySelector('.panel') && !document.querySelector('.panel-waiting')")
				if problems := p.Texts(".panel .problem, .panel-empty"); len(problems) > 0 {
					t.Errorf("not drawn: %q", problems)
				}
				p.Fits()
			})
		}
	}
}
