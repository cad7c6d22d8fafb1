package browsertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"example.com/clew/observability/viewer/page/pagetest"
)

const selectedName = "document.querySelector('.wf-current .wf-name')?.textContent"

func TestTheWaterfallOfAnOrderWhoseProcessWasKilled(t *testing.T) {
	s := newStage(t)
	id := s.record("crash").traces[0].id
	p := s.open("/traces/" + id)
	p.Until("document.querySelectorAll('.wf-row').length === 15")

	labels := p.Texts(".wf-label")
	has(t, labels, "process orders#1☠")
	has(t, labels, "▾process orders#2↖")
	if got := p.Texts(".wf-took"); !strings.HasPrefix(got[4], "? killed: inventory-1-") || !strings.Contains(got[4], ", last seen at +2.89 ms") {
		t.Errorf("beside the killed attempt stands %q", got[4])
	}
	if n := len(p.Texts(".wf-killed")); n != 1 {
		t.Errorf("%d bars of killed attempts, want 1", n)
	}
	has(t, p.Texts(".wf-wait"), "stream 3 s")
	has(t, p.Texts(".wf-legend span"), "waiting: 3.4 ms in the outbox, 3 s in the stream")

	// In the last attempt's row, the wait ends where the work begins.
	gap := pagetest.Eval[float64](p, `(() => { const row = document.querySelectorAll('.wf-row')[5];
		return row.querySelector('.wf-bar').getBoundingClientRect().left - row.querySelector('.wf-wait').getBoundingClientRect().right; })()`)
	if gap < -1 || gap > 1 {
		t.Errorf("%v pixels between the wait and the work", gap)
	}
	// Each service has its colour.
	colours := pagetest.Eval[[]string](p, "[0, 5].map(i => getComputedStyle(document.querySelectorAll('.wf-row')[i].querySelector('.wf-bar')).backgroundColor)")
	if colours[0] == colours[1] {
		t.Errorf("order and inventory are both %s", colours[0])
	}
}

func TestStatementsUnfoldAndSpansCollapse(t *testing.T) {
	s := newStage(t)
	id := s.record("plain").traces[0].id
	p := s.open("/traces/" + id)
	p.Until("document.querySelectorAll('.wf-row').length === 14")
	p.Click(".wf-row:nth-child(4) .wf-twist") // the grid is the first child
	p.UntilText("INSERT order_items")
	p.Click(".wf-row:nth-child(2) .wf-twist")
	p.Until("document.querySelectorAll('.wf-row').length === 1")
	p.Click(".wf-row:nth-child(2) .wf-twist")
	p.Until("document.querySelectorAll('.wf-row').length === 18")
}

func TestKeyboard(t *testing.T) {
	s := newStage(t)
	id := s.record("plain").traces[0].id
	p := s.open("/traces/" + id)
	p.Until("document.querySelectorAll('.wf-row').length === 14")
	p.Focus(".wf-body")

	p.Keys(kb.ArrowDown, kb.ArrowDown)
	p.Until(selectedName + " === 'create orders'")
	p.Until("document.querySelector('.details h2').textContent === 'create orders'")
	p.Until("/[?]span=[0-9a-f]{16}$/.test(location.search)") // so that it can be shared
	p.Keys(kb.ArrowLeft)
	p.Until("document.querySelectorAll('.wf-row').length === 2")
	p.Keys(kb.ArrowRight)
	p.Until("document.querySelectorAll('.wf-row').length === 14")
	p.Keys(kb.ArrowRight)
	p.Until(selectedName + " === '4 statements'")
	p.Keys(kb.ArrowLeft)
	p.Until(selectedName + " === 'create orders'")
	p.Keys(kb.ArrowUp)
	p.Until(selectedName + " === 'POST /orders'")
	p.Keys(kb.End)
	p.Until(selectedName + " === 'send orders'")
	p.Keys(kb.Escape)
	p.Until("!document.querySelector('.details') && location.search === ''")
}

func TestASpanHasALink(t *testing.T) {
	s := newStage(t)
	s.send("order", span(1, 0, "request", 0, 100),
		span(2, 1, "one", 10, 20, kind(tracepb.Span_SPAN_KIND_CLIENT), with("db.system.name", "sqlite")),
		span(3, 1, "two", 20, 30, kind(tracepb.Span_SPAN_KIND_CLIENT), with("db.system.name", "sqlite")))
	p := s.open("/traces/" + thisTrace + "?span=0000000000000003") // inside of folded statements
	p.Until(selectedName + " === 'two'")
	p.Until("document.querySelector('.details h2').textContent === 'two'")

	p = s.open("/traces/1?span=00000000000000ff")
	p.UntilText("Span 00000000000000ff is not in this trace, or has not arrived yet.")
}

func TestDetailsOfASpan(t *testing.T) {
	s := newStage(t)
	s.set("/api/logs", list(
		object{"time": "2026-02-03T10:15:30.2Z", "severity": "ERROR", "body": "the attempt failed", "event": "attempt.failed", "span_id": "0000000000000002"},
		object{"time": "2026-02-03T10:15:30.3Z", "severity": "INFO", "body": "of another span", "span_id": "0000000000000001"}))
	s.send("inventory", span(1, 0, "create orders", 0, 100),
		span(2, 1, "process orders", 4000, 5000, attempted(1, "one", 3), failed("no answer"), with("error.type", "timeout"),
			linkTo(1, 1), linkTo(2, 5), event("exception", attribute("exception.message", "no answer within 1 s"))))
	p := s.open("/traces/1?span=0000000000000002")
	p.UntilText("the attempt failed")
	details := p.Texts(".details")[0]
	for _, want := range []string{"failed", "timeout: no answer", "+4 ms", "1 ms", "waited in stream3 ms", "messaging.client.idone",
		"↖ to create orders", "↗ to trace 00000000000000000000000000000002", "exception.messageno answer within 1 s", "service.nameinventory", "ERROR", "attempt.failed"} {
		if !strings.Contains(details, want) {
			t.Errorf("no %q in %q", want, details)
		}
	}
	if strings.Contains(details, "of another span") {
		t.Error("another span's log is shown")
	}
}

func TestTheLinkBetweenAnOrderAndItsRedriveIsFollowedBothWays(t *testing.T) {
	s := newStage(t)
	told := s.record("invalid").traces
	placed, redriven := told[0].id, told[1].id
	p := s.open("/traces/" + placed)
	there := fmt.Sprintf("a.wf-mark[href^='/traces/%s?span=']", redriven)
	p.Until(fmt.Sprintf("document.querySelectorAll(%q).length === 3", there)) // to it, and from it: creation and dead letter
	p.Click(there + "[title^='links to']")
	p.Until(fmt.Sprintf("location.pathname === '/traces/%s'", redriven))
	p.Until(selectedName + " === 'redrive orders'")

	back := fmt.Sprintf(".details a[href^='/traces/%s?span=']", placed)
	p.Until(fmt.Sprintf("document.querySelectorAll(%q).length === 3", back)) // two links to it, one from it
	has(t, p.Texts(".details li"), "↙ from process orders in trace "+placed)
	p.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(
		"[...document.querySelectorAll(%q)].find(a => a.textContent.startsWith('process')).click()", back)))
	p.Until(fmt.Sprintf("location.pathname === '/traces/%s'", placed))
	p.Until(selectedName + " === 'process orders'")
	has(t, p.Texts(".wf-current .wf-attempt"), "#2")
}

func TestLinksInsideOfATraceAreDrawnAndLeadToBothEnds(t *testing.T) {
	s := newStage(t)
	p := s.open("/traces/" + s.record("invalid").traces[0].id)
	p.Until("document.querySelectorAll('.wf-arrow').length === 2") // from each dead_letter to its attempt
	follow := func(arrows string) chromedp.Action[chromedp.Void] {
		return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(
			"[...document.querySelectorAll('%s')].at(-1).dispatchEvent(new MouseEvent('click', { bubbles: true }))", arrows))
	}
	p.Do(follow(".wf-arrow"))
	p.Until(selectedName + " === 'process orders'")
	p.Do(follow(".wf-arrow-chosen")) // the last of them, after the one to its parent
	p.Until(selectedName + " === 'dead_letter orders'")
}

func TestProcessingThatOnlyLinksIsFollowedBothWays(t *testing.T) {
	s := newStage(t)
	placed := s.record("link").traces[0].id
	p := s.open("/traces/" + placed)
	p.Until("document.querySelectorAll('.related li').length === 2")
	p.Click("a.wf-mark") // from `create orders`, which nothing in its own trace tells of
	p.Until(selectedName + " === 'process orders'")
	p.Until(fmt.Sprintf("location.pathname !== '/traces/%s'", placed))
	p.Click(fmt.Sprintf(".details a[href^='/traces/%s?span=']", placed))
	p.Until(fmt.Sprintf("location.pathname === '/traces/%s'", placed))
	p.Until(selectedName + " === 'create orders'")
}

func TestABrokenTraceShowsWhatNothingLinks(t *testing.T) {
	s := newStage(t)
	p := s.open("/traces/" + s.record("off").traces[0].id)
	p.Until("document.querySelectorAll('.related li').length === 2")
	for _, line := range p.Texts(".related li") {
		if !strings.HasSuffix(line, "no link") {
			t.Errorf("%q: want no link", line)
		}
	}
}

func TestTwoThousandSpans(t *testing.T) {
	s := newStage(t)
	spans := []*tracepb.Span{span(1, 0, "root", 0, 30_000)}
	for i := range uint64(1999) {
		spans = append(spans, span(i+2, 1+i%2, fmt.Sprintf("step %d", i), int(i)*10+10, int(i)*10+25))
	}
	s.send("order", spans...)
	p := s.open("/traces/1")
	p.Until("document.querySelectorAll('.wf-row').length > 10")
	height := pagetest.Eval[float64](p, "document.querySelector('.wf-body').scrollHeight")
	if height < 2000*28 {
		t.Errorf("the rows are %v pixels high", height)
	}
	p.Do(chromedp.Evaluate[chromedp.Void]("document.querySelector('.wf-body').scrollTop = 1e9"))
	p.Until("[...document.querySelectorAll('.wf-name')].at(-1).textContent === 'step 1998'")
	if n := pagetest.Eval[int](p, "document.querySelectorAll('.wf-row').length"); n > 60 {
		t.Errorf("%d rows in the document", n)
	}
	p.Focus(".wf-body")
	p.Keys(kb.Home)
	p.Until(selectedName + " === 'root'")
}

// has fails the test unless one of texts is wanted.
func has(t *testing.T, texts []string, want string) {
	t.Helper()
	if !slices.Contains(texts, want) {
		t.Errorf("no %q in %q", want, texts)
	}
}

const attack = `<img src=x onerror="window.owned=1"><script>window.owned=1</script>`

func TestHostileTextIsText(t *testing.T) {
	s := newStage(t)
	long := strings.Repeat("long ", 1<<20/5) + "end"
	const turned = "abc\u202egpj.exe\u202c שלום"
	s.send(attack,
		span(1, 0, attack, 0, 100, with(attack, attack), event(attack, attribute("javascript:window.owned=1", attack)), failed(attack)),
		span(2, 1, "\x1b[31mred\x00\r\nnext", 10, 20, with("long", long), with("turned", turned)),
		span(3, 1, strings.Repeat("W", 1<<20), 20, 30),
		span(4, 1, turned, 30, 40, linkTo(1, 1)))
	for _, width := range []int64{1280, 390} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			p := browser.Open(t, s.url+"/traces/1?span=0000000000000001", pagetest.Look{Width: width})
			p.Until("document.querySelectorAll('.wf-row').length === 4")
			has(t, p.Texts(".details h2 bdi"), attack)
			has(t, p.Texts(".details dd"), attack)
			has(t, p.Texts(".details h4 bdi"), attack)
			names := p.Texts(".wf-name")
			has(t, names, "␛[31mred␀␍␊next")
			has(t, names, `abc\u202egpj.exe\u202c שלום`)
			p.Fits()

			p.Do(chromedp.Evaluate[chromedp.Void]("document.querySelectorAll('.wf-row')[1].click()"))
			p.Until("document.querySelector('.text-more')")
			if n := pagetest.Eval[int](p, "document.querySelector('.details').textContent.length"); n > 10_000 {
				t.Errorf("the details are %d characters long before one asks for all", n)
			}
			p.Click(".text-more")
			p.Until("document.querySelector('.text-all').textContent.endsWith('end')")
			p.Fits()
			if pagetest.Eval[bool](p, "'owned' in window || document.querySelector('main img, main script') !== null") {
				t.Error("a span's text was taken for HTML")
			}
		})
	}
	p := s.openAs("/traces", pagetest.Look{Width: 390})
	p.Until("document.querySelectorAll('.trace-list li').length === 1")
	has(t, p.Texts(".trace-name"), attack+" 4 spans")
	p.Fits()
}

func TestATraceGrowsAsSpansArrive(t *testing.T) {
	s := newStage(t)
	p := s.open("/traces/1")
	p.UntilText("No spans of this trace are here")
	s.sendMore("inventory", span(2, 1, "process orders", 100, 200))
	p.Until("document.querySelectorAll('.wf-row').length === 1")
	has(t, p.Texts(".wf-label"), "process orders?") // its parent is not here yet
	s.sendMore("order", span(1, 0, "create orders", 0, 50))
	p.Until("document.querySelectorAll('.wf-row').length === 2")
	if diff := cmp.Diff([]string{"create orders", "process orders"}, p.Texts(".wf-name")); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestATraceThatIsTooLongSaysSo(t *testing.T) {
	s := newStage(t)
	big := strings.Repeat("x", 1<<20)
	for i := range uint64(20) {
		s.send("order", span(i+1, 0, "big", 0, 10, func(s *tracepb.Span) {
			s.Attributes = []*commonpb.KeyValue{attribute("big", big)}
		}))
	}
	p := s.open("/traces/1")
	p.UntilText("later spans are missing")
}

func TestTheCriticalPathIsShown(t *testing.T) {
	s := newStage(t)
	s.send("order", span(1, 0, "request", 0, 100), span(2, 1, "fast", 10, 20), span(3, 1, "slow", 10, 60))
	p := s.open("/traces/1")
	p.Until("document.querySelectorAll('.wf-row').length === 3")
	p.Click(".facts button")
	p.Until("getComputedStyle(document.querySelector('.wf-self')).display === 'block'")
	if diff := cmp.Diff([]string{"request", "slow"}, p.Texts(".wf-path .wf-name")); diff != "" {
		t.Errorf("path (-want +got):\n%s", diff)
	}
}

func TestDraggingOnTheAxisZooms(t *testing.T) {
	s := newStage(t)
	s.send("order", span(1, 0, "request", 0, 100_000), span(2, 1, "late", 90_000, 95_000))
	p := s.open("/traces/1")
	p.Until("document.querySelectorAll('.wf-row').length === 2")
	at := pagetest.Eval[[]float64](p, "(b => [b.left, b.width, b.top + 5])(document.querySelector('.wf-axis').getBoundingClientRect())")
	p.Do(chromedp.DragAndDropXY(at[0]+at[1]*0.8, at[2], at[0]+at[1]*0.99, at[2]))
	p.UntilText("Whole trace")
	has(t, p.Texts(".wf-axis span"), "90 ms")
	p.Click(".wf-head button")
	p.UntilText("0 s")
}

func TestALongGapIsFolded(t *testing.T) {
	s := newStage(t)
	const day = 86_400_000_000 // µs
	s.send("order", span(1, 0, "POST /orders", 0, 400_000), span(2, 1, "process orders", 2*day, 2*day+400_000))
	p := s.open("/traces/" + thisTrace)
	p.Until("document.querySelectorAll('.wf-row').length === 2")
	p.UntilText("╱ 2 d ╱")
	width := "parseFloat(getComputedStyle(document.querySelectorAll('.wf-bar')[%d]).width) / document.querySelector('.wf-bars').clientWidth"
	for i := range 2 {
		if share := pagetest.Eval[float64](p, fmt.Sprintf(width, i)); share < .2 || share > .3 {
			t.Errorf("the bar of row %d takes %.0f %% of the axis, want a quarter", i, 100*share)
		}
	}
	p.Do(chromedp.EmulateViewport(390, 800))
	p.Until("innerWidth === 390")
	p.Fits()
}

func TestSpansAreFound(t *testing.T) {
	s := newStage(t)
	told := s.record("plain")
	p := s.open("/traces/" + told.traces[0].id)
	p.Until("document.querySelectorAll('.wf-row').length === 14")
	p.Type(".wf-find", "insert ORDER")
	p.UntilText("2") // among statements that are folded
	p.Keys(kb.Enter)
	p.Until(selectedName + ".startsWith('INSERT order')")
	p.UntilText("1 of 2")
	first := pagetest.Eval[string](p, selectedName)
	p.Press("↓")
	p.Until(selectedName + ".startsWith('INSERT order') && " + selectedName + " !== '" + first + "'")
	p.Press("↓")
	p.Until(selectedName + " === '" + first + "'")
	p.Until("document.querySelectorAll('.wf-found').length === 2")

	p.Press("Collapse all")
	p.Until("document.querySelectorAll('.wf-row').length === 1")
	p.Press("Expand all")
	p.Until("document.querySelectorAll('.wf-row').length >= 14")

	if got := pagetest.Eval[int](p, "fetch(document.querySelector('a[download]').href).then(r => r.json()).then(t => t.trace.resourceSpans.length)"); got == 0 {
		t.Error("the download has no spans")
	}
	p.Until("document.querySelector('.facts a[href=\"/?order=" + told.order + "\"]')")
}
