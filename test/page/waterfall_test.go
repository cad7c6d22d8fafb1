package page_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"example.com/clew/observability/viewer/page/pagetest"
)

// What is seen of a trace: the view that the address asks for, and what the minimap marks.
const (
	whole  = "!location.search.includes('from=') && document.querySelector('.wf') && !document.querySelector('.minimap-view')"
	zoomed = "/[?&]from=[\\d.]+(ns|us|ms|s)&to=[\\d.]+(ns|us|ms|s)(&|$)/.test(location.search) && document.querySelector('.minimap-view')"
)

func (c *clew) readsATrace(t *testing.T) {
	tab := c.open(t, "/")
	trace := "/traces/" + c.traceOf(tab, "test-flaky")
	tab.Go(c.Addresses.Viewer + trace)
	tab.Until(whole)
	t.Run("zoom", func(t *testing.T) { zooms(tab.In(t)) })
	t.Run("an address that asks for what is not there", func(t *testing.T) {
		tab := tab.In(t)
		for search, says := range map[string]string{
			"?from=soon":       "“soon” is no time since the trace’s start: expected one such as 12.5ms or 2s",
			"?from=2ms&to=1ms": "There is nothing of this trace from 2 ms to 1 ms",
			"?from=50000s":     "There is nothing of this trace from 13 h 53 min",
		} {
			tab.Go(c.Addresses.Viewer + trace + search)
			tab.UntilText(says)
			tab.Until("document.querySelector('.wf-row') && !document.querySelector('.minimap-view')")
		}
		tab.Go(c.Addresses.Viewer + trace)
	})
	t.Run("the keys are listed", func(t *testing.T) {
		tab := tab.In(t)
		tab.Focus("button[aria-label=Keys]")
		tab.Keys(kb.Enter)
		tab.UntilText("0 the whole trace")
		tab.Keys(kb.Escape)
		tab.Until("!document.body.innerText.includes('the whole trace')")
	})
	t.Run("statistics", func(t *testing.T) { readsStatistics(t, tab.In(t)) })
	t.Run("attributes", func(t *testing.T) { usesAttributes(t, tab.In(t), trace) })
	t.Run("ticks", func(t *testing.T) { drawsTicks(t, tab.In(t)) })
	t.Run("a service looks the same everywhere", func(t *testing.T) { looksTheSame(t, tab.In(t)) })
}

// zooms goes closer in each way there is, and back.
func zooms(tab *pagetest.Tab) {
	drag(tab, ".minimap", .1, .6)
	tab.Until(zoomed)
	tab.Do(chromedp.Reload())
	tab.Until(zoomed)
	before := pagetest.Eval[string](tab, "location.search")
	drag(tab, ".wf-axis", .2, .7)
	tab.Until(zoomed + " && location.search !== '" + before + "'")
	tab.Do(chromedp.NavigateBack())
	tab.Until("location.search === '" + before + "'")
	tab.Press("Whole trace")
	tab.Until(whole)

	// By keys, of which many are one way back; the selected span is zoomed to, and stays selected.
	tab.Click(".wf-row:nth-of-type(3)")
	tab.Until("location.search.startsWith('?span=') && " + whole)
	tab.Keys("+", "+", "+")
	tab.Until(zoomed + " && document.querySelector('.wf-current')")
	at := func() float64 {
		return pagetest.Eval[float64](tab, "parseFloat(document.querySelector('.minimap-view').style.left)")
	}
	left := at()
	tab.Do(chromedp.KeyEvent(kb.ArrowRight, chromedp.KeyModifiers(chromedp.ModifierShift)))
	tab.Until(fmt.Sprintf("parseFloat(document.querySelector('.minimap-view').style.left) > %v", left))
	tab.Do(chromedp.NavigateBack())
	tab.Until(whole + " && document.querySelector('.wf-current')")
	for _, keys := range [][]string{{"+", "0"}, {"+", "+", "-", "-"}} {
		tab.Focus(".wf-body")
		tab.Keys(keys[:len(keys)-1]...)
		tab.Until(zoomed)
		tab.Keys(keys[len(keys)-1])
		tab.Until(whole)
	}
}

// drag moves the mouse over an element while its button is down, from one part of its width to another.
func drag(tab *pagetest.Tab, selector string, from, to float64) {
	tab.Until("document.querySelector('" + selector + "')")
	box := pagetest.Eval[struct{ X, Y, Width, Height float64 }](tab, fmt.Sprintf(
		"(({ x, y, width, height }) => ({ X: x, Y: y, Width: width, Height: height }))(document.querySelector('%s').getBoundingClientRect())", selector))
	y := box.Y + box.Height/2
	tab.Do(chromedp.MouseEvent("mousePressed", box.X+from*box.Width, y, chromedp.Button("left")),
		chromedp.MouseEvent("mouseMoved", box.X+to*box.Width, y, chromedp.Button("left")),
		chromedp.MouseEvent("mouseReleased", box.X+to*box.Width, y, chromedp.Button("left")))
}

// readsStatistics finds as many spans of an operation as the table counts, and those of all operations are all spans.
func readsStatistics(t *testing.T, tab *pagetest.Tab) {
	tab.Click(".statistics summary")
	tab.Until("document.querySelector('.operation')")
	spans := pagetest.Eval[int](tab, "parseInt([...document.querySelectorAll('.facts span')].find(s => /^\\d+ spans$/.test(s.textContent)).textContent)")
	counted := pagetest.Eval[int](tab, "[...document.querySelectorAll('.statistics tbody tr')].reduce((sum, r) => sum + Number(r.cells[1].textContent), 0)")
	if spans == 0 || counted != spans {
		t.Errorf("the table counts %d spans of %d", counted, spans)
	}
	attempts := pagetest.Eval[string](tab, `(row => (row.querySelector('button').click(), row.cells[1].textContent))(
		[...document.querySelectorAll('.statistics tbody tr')].find(r => r.cells[0].innerText.endsWith('process orders')))`)
	if attempts != "3" {
		t.Errorf("it counts %s attempts, want 3", attempts)
	}
	tab.Until("document.querySelector('.wf-tools [role=status]').textContent === '3' && document.querySelectorAll('.wf-found').length === 3")

	shares := func() []float64 {
		return pagetest.Eval[[]float64](tab, "[...document.querySelectorAll('.statistics .share')].map(c => parseFloat(c.textContent))")
	}
	byTimes := func(a, b float64) int { return int(b - a) }
	tab.Press("Share")
	tab.Until("document.querySelector('.statistics [aria-sort]').textContent.startsWith('Share')")
	if got := shares(); !slices.IsSortedFunc(got, func(a, b float64) int { return int(1000 * (b - a)) }) {
		t.Errorf("sorted by share, it is %v", got)
	}
	tab.Press("Spans")
	tab.Until("document.querySelector('.statistics [aria-sort]').textContent.startsWith('Spans')")
	if got := pagetest.Eval[[]float64](tab, "[...document.querySelectorAll('.statistics tbody tr')].map(r => Number(r.cells[1].textContent))"); !slices.IsSortedFunc(got, byTimes) {
		t.Errorf("sorted by spans, it is %v", got)
	}
}

// usesAttributes copies a value, and searches for the traces that have it.
func usesAttributes(t *testing.T, tab *pagetest.Tab, trace string) {
	const order = "messaging.message.conversation_id"
	tab.Until("[...document.querySelectorAll('.wf-row')].some(r => r.innerText.includes('process orders') && (r.click(), true))")
	value := pagetest.Eval[string](tab, `(() => { // what is written to the clipboard, too
		const write = navigator.clipboard.writeText.bind(navigator.clipboard);
		navigator.clipboard.writeText = text => write(globalThis.copied = text);
		return [...document.querySelectorAll('.details .pairs > div')].find(r => r.querySelector('dt').textContent === '`+order+`').querySelector('dd .text').textContent;
	})()`)
	tab.Click("button[aria-label='Copy " + order + "']")
	tab.Until("[...document.querySelectorAll('.details [role=status]')].some(s => s.textContent === 'copied')")
	if got := pagetest.Eval[string](tab, "copied"); got != value || value == "" {
		t.Errorf("%q was copied, want %q", got, value)
	}
	tab.Click("a[aria-label='Search traces by " + order + "']")
	tab.Until("location.pathname === '/traces' && document.querySelector('[name=q]').value === '{ ." + order + " = \"" + value + "\" }'")
	tab.Click(".trace-list a[href='" + trace + "']")
	tab.Until(at(trace) + " && document.querySelector('.wf-row')")
}

func drawsTicks(t *testing.T, tab *pagetest.Tab) {
	const ms, s = 1_000_000, 1_000_000_000
	for _, test := range []struct {
		from, to int
		most     int
		want     []string
	}{
		{0, 10 * ms, 5, []string{"0 s", "2 ms", "4 ms", "6 ms", "8 ms", "10 ms"}},
		{0, 70 * ms, 6, []string{"0 s", "15 ms", "30 ms", "45 ms", "60 ms"}},
		{990 * ms, 1020 * ms, 3, []string{"990 ms", "1.00 s", "1.01 s", "1.02 s"}},
		{0, 100 * s, 4, []string{"0 s", "30 s", "1 min", "1 min 30 s"}},
		{60 * s, 62 * s, 4, []string{"1 min 0.0 s", "1 min 0.5 s", "1 min 1.0 s", "1 min 1.5 s", "1 min 2.0 s"}},
		{0, 3600 * s, 4, []string{"0 s", "15 min", "30 min", "45 min", "1 h"}},
	} {
		got := pagetest.Eval[[]string](tab, fmt.Sprintf(`import('/static/scale.js').then(({ ticks, tickText }) => {
			const { times, step } = ticks([{ from: 0, to: %[2]d, drawn: %[2]d }], { from: %[1]d, to: %[2]d }, %[3]d);
			return times.map(time => tickText(time, step));
		})`, test.from, test.to, test.most))
		if !slices.Equal(got, test.want) {
			t.Errorf("at most %d from %d to %d: %q, want %q", test.most, test.from, test.to, got, test.want)
		}
	}
}

// looksTheSame compares a service's colour in a trace and on the map, and knows it without colours.
func looksTheSame(t *testing.T, tab *pagetest.Tab) {
	badge := func(letters, of string) string {
		return pagetest.Eval[string](tab, fmt.Sprintf(
			"getComputedStyle([...document.querySelectorAll('.facts .badge')].find(b => b.dataset.letters === '%s')).%s", letters, of))
	}
	inTrace := []string{badge("OR", "backgroundColor"), badge("IN", "backgroundColor")}
	tab.Click(".brand")
	tab.Until("document.querySelector('[data-node=\"service inventory\"]')")
	onMap := pagetest.Eval[[]string](tab, `['order', 'inventory'].map(name => getComputedStyle(document.querySelector('[data-node="service ' + name + '"]')).borderLeftColor)`)
	if !slices.Equal(inTrace, onMap) || inTrace[0] == inTrace[1] {
		t.Errorf("order and inventory are %q in a trace, and %q on the map", inTrace, onMap)
	}
}
