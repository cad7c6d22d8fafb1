package browsertest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"example.com/clew/observability/viewer/page/pagetest"
)

// shownTimes are the from and to of the address, in milliseconds.
func shownTimes(p *pagetest.Tab) (from, to int) {
	times := pagetest.Eval[[2]string](p, "['from', 'to'].map(name => new URLSearchParams(location.search).get(name) ?? '')")
	from, _ = strconv.Atoi(times[0])
	to, _ = strconv.Atoi(times[1])
	return from, to
}

const fixed = "/^\\?.*from=\\d{13}&to=\\d{13}/.test(location.search)"

func TestDraggingZoomsAllPanels(t *testing.T) {
	e := &engine{otherwise: func(string) []series { return one("1") }}
	p := openBoard(t, e, board("", fmt.Sprintf(lines, "one[$__range]"), fmt.Sprintf(lines, "two[$__range]")))
	asked := func(seconds int) {
		t.Helper()
		for _, name := range []string{"one", "two"} {
			query := fmt.Sprintf("%s[%ds]", name, seconds)
			e.until(t, "asked "+query, func() bool { return e.count(query) > 0 })
		}
	}
	asked(900)
	p.Drag("[data-panel='1'] .u-over", .25, .5)
	p.Until(fixed)
	from, to := shownTimes(p)
	if length := (to - from) / 1000; length < 215 || length > 235 {
		t.Errorf("a quarter of 15 min is %d s in the address, from %d to %d", length, from, to)
	}
	asked((to - from) / 1000)
	p.Until("document.querySelector('select[aria-label=Refresh]').disabled")

	pagetest.Eval[bool](p, `(document.querySelector('[data-panel="2"] .u-over').dispatchEvent(new MouseEvent('dblclick', { bubbles: true })), true)`)
	p.Until(fmt.Sprintf("%s && !location.search.includes('from=%d&')", fixed, from))
	outFrom, outTo := shownTimes(p)
	if twice := outTo - outFrom; twice < 2*(to-from) || twice > 2*(to-from)+2000 || outFrom > from || outTo < to {
		t.Errorf("a double click leads from %d…%d to %d…%d, want twice as much around it", from, to, outFrom, outTo)
	}
	for range 2 {
		pagetest.Eval[bool](p, "(history.back(), true)")
	}
	p.Until("!location.search.includes('from=1') && !document.querySelector('select[aria-label=Refresh]').disabled")
	p.UntilText("Last 15 min")
}

func TestTheRangeIsChangedWithoutAMouse(t *testing.T) {
	e := &engine{otherwise: func(string) []series { return one("1") }}
	const start, end = 1_700_000_000_000, 1_700_000_600_000 // long ago: nothing is in the way
	p := openBoardAs(t, e, board("", fmt.Sprintf(lines, "up[$__range]")), fmt.Sprintf("?from=%d&to=%d", start, end), pagetest.Look{})
	e.until(t, "asked for 10 min", func() bool { return e.count("up[600s]") > 0 })
	becomes := func(from, to int) {
		t.Helper()
		p.Until(fmt.Sprintf("location.search.includes('from=%d&to=%d')", from, to))
	}
	press := func(button string) {
		p.Focus(fmt.Sprintf("[aria-label=%q]", button))
		p.Keys(kb.Enter)
	}
	press("Zoom in")
	becomes(start+150_000, end-150_000)
	press("Zoom out")
	becomes(start, end)
	press("Earlier")
	becomes(start-300_000, end-300_000)
	press("Later")
	becomes(start, end)
	p.Until("document.querySelector('.chart canvas')")
	p.Focus(".chart-plot")
	p.Keys("+")
	becomes(start+150_000, end-150_000)
	p.Focus(".chart-plot")
	p.Keys("-")
	becomes(start, end)

	p.Focus(".range [popovertarget]")
	p.Keys(kb.Enter)
	p.Until("document.querySelector('.popover:popover-open [name=from]').value.startsWith('2023-11-1')")
	write := func(name, text string) {
		pagetest.Eval[bool](p, fmt.Sprintf(`(f => { f.value = %q; return f.dispatchEvent(new Event('input', { bubbles: true })); })(document.querySelector('[name=%s]'))`, text, name))
	}
	write("to", "tomorrow")
	p.Press("Apply")
	p.UntilText("“tomorrow” is no time for “to”: expected now, now-15m, milliseconds since 1970, or a time such as")
	write("from", "2023-11-14T22:13:20Z")
	write("to", "2023-11-14T22:15:20Z")
	p.Press("Apply")
	becomes(start, start+120_000)
	p.Until("!document.querySelector('.popover:popover-open')")
}

func TestTheAddressSaysTheRange(t *testing.T) {
	e := &engine{otherwise: func(string) []series { return one("1") }}
	s := newStageOf(t, e, fstest.MapFS{"test.json": {Data: []byte(board("", fmt.Sprintf(lines, "up[$__range]")))}})
	p := s.open("/d/test")
	for _, test := range []struct {
		query   string
		seconds int
		says    string
	}{
		{"?from=now-2h&to=now-30m", 5400, ""},
		{"?from=2023-11-14T22:13:20Z&to=2023-11-14T22:15:20Z", 120, ""},
		{"?from=1700000000000&to=1700000070000", 70, ""},
		{"?from=yesterday", 900, "“yesterday” is no time for “from”: expected now, now-15m, milliseconds since 1970, or a time such as " +
			"2026-11-30 09:30:00. Shown is: last 15 min."},
		{"?from=now-1h&to=now-2h", 900, "“from” is not before “to”: now-1h and now-2h. Shown is: last 15 min."},
	} {
		e.set(func() { e.asked = nil })
		p.Go(s.url + "/d/test" + test.query)
		query := fmt.Sprintf("up[%ds]", test.seconds)
		e.until(t, test.query+" asks "+query, func() bool { return e.count(query) > 0 })
		if got := strings.Join(p.Texts("main > .problem"), " "); got != test.says {
			t.Errorf("%s says %q, want %q", test.query, got, test.says)
		}
	}
}

func TestAFixedRangeIsAskedOnce(t *testing.T) {
	e := &engine{otherwise: func(string) []series { return one("1") }}
	s := newStageOf(t, e, fstest.MapFS{"test.json": {Data: []byte(board("", fmt.Sprintf(lines, "up[$__range]")))}})
	s.open("/d/test?refresh=1s")
	s.open("/d/test?refresh=1s&from=1700000000000&to=1700000070000")
	e.until(t, "asked for 70 s", func() bool { return e.count("up[70s]") > 0 })
	before := e.count("up[900s]")
	e.until(t, "three turns of the other", func() bool { return e.count("up[900s]") >= before+3 })
	if n := e.count("up[70s]"); n != 1 {
		t.Errorf("what has fixed ends was asked %d times, want once", n)
	}
}

func TestOnePanelIsLarge(t *testing.T) {
	e := &engine{answers: map[string][]series{"a": one("2")}, otherwise: func(string) []series { return one("1") }}
	second := fmt.Sprintf(lines, "a") + `, "description": "What it means."`
	p := openBoardAs(t, e, board("", fmt.Sprintf(lines, "b"), second), "", pagetest.Look{Height: 1000})
	p.Focus("[data-panel='2'] .panel-enlarge")
	p.Keys(kb.Enter)
	p.Until("new URLSearchParams(location.search).get('viewPanel') === '2'")
	p.Until("document.querySelectorAll('.panel').length === 1 && document.querySelector('.legend-table')")
	p.UntilText("What it means.")
	p.Until("new URL(document.querySelector('.panel-said a').href).searchParams.get('query') === 'a'")
	if got := strings.Join(p.Texts(".legend-table tr"), "; "); got != "NameLastMinMaxMean; Value2"+strings.Repeat(" s2", 3)+" s" {
		t.Errorf("the legend is %q, want the values that people want to know", got)
	}
	p.Keys(kb.Escape)
	p.Until("!location.search.includes('viewPanel') && document.querySelectorAll('.panel').length === 2")
	p.Until("document.activeElement.matches('[data-panel=\"2\"] .panel-enlarge')") // the keyboard is where it was
	pagetest.Eval[bool](p, "(history.back(), true)")
	p.Until("document.querySelectorAll('.panel-large').length === 1")
	p.Do(chromedp.EmulateViewport(390, 800))
	p.Until("innerWidth === 390 && document.querySelector('.panel-large .chart').clientHeight > 200")
	p.Fits()
}

func TestAPanelOfTheAddressIsLarge(t *testing.T) {
	e := &engine{otherwise: func(string) []series { return one("1") }}
	s := newStageOf(t, e, fstest.MapFS{"test.json": {Data: []byte(board("", fmt.Sprintf(lines, "b"), fmt.Sprintf(lines, "a")))}})
	p := s.open("/d/test?viewPanel=panel-2") // newer Grafanas write it so
	p.Until("document.querySelector('.panel-large h2').textContent === 'Panel 2'")
	p.Go(s.url + "/d/test?viewPanel=7")
	p.UntilText("This dashboard has no panel “7”. Shown are all.")
	p.Until("document.querySelectorAll('.panel').length === 2")
}

func TestALegendHasTheValuesThatItsPanelAsksFor(t *testing.T) {
	e := &engine{otherwise: func(string) []series { return one("1.5") }}
	withLegend := func(legend string) string {
		return strings.Replace(fmt.Sprintf(lines, "up"), `"options": {`, `"options": {"legend": `+legend+`, `, 1)
	}
	p := openBoard(t, e, board("",
		withLegend(`{"calcs": ["lastNotNull", "max", "unheardOf"]}`),
		withLegend(`{"displayMode": "table", "calcs": ["mean"]}`),
		withLegend(`{"showLegend": false, "calcs": ["mean"]}`)))
	p.Until("document.querySelectorAll('canvas').length === 3")
	for selector, want := range map[string]string{
		"[data-panel='1'] .legend li": "ValueLast: 1.5 sMax: 1.5 s", "[data-panel='2'] .legend-table": "NameMeanValue1.5 s", "[data-panel='3'] .legend": "",
	} {
		if got := strings.Join(p.Texts(selector), " "); got != want {
			t.Errorf("%s is %q, want %q", selector, got, want)
		}
	}
}
