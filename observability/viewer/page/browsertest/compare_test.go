package browsertest

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"example.com/clew/observability/viewer/page/pagetest"
)

func TestTwoTracesSideBySide(t *testing.T) {
	s := newStage(t)
	whole, broken := s.record("plain").traces[0].id, s.record("off").traces[0].id
	p := s.open("/traces/" + whole)
	p.Until("document.querySelector('a[href^=\"/compare\"]')")
	p.Click("a[href^='/compare']")
	choice := fmt.Sprintf(".trace-list a[href='/compare?a=%s&b=%s']", whole, broken)
	p.Until(fmt.Sprintf("document.querySelector(%q)", choice))
	p.Click(choice)
	p.Until("document.querySelectorAll('.wf').length === 2 && document.querySelectorAll('.differences tr').length > 10")

	rows := p.Texts(".differences tr")
	has(t, rows, "Spans247")
	has(t, rows, "Servicesinventory, orderorder")
	has(t, rows, "process ordersoncenone")
	p.Until("document.querySelector('.differences').textContent.includes('Traces of the same order13')")

	ticks := "[...document.querySelectorAll('.wf')].map(w => [...w.querySelectorAll('.wf-axis span')].map(s => s.textContent).join())"
	if axes := pagetest.Eval[[]string](p, ticks); axes[0] != axes[1] {
		t.Errorf("two time scales: %q", axes)
	}
	p.Click(".toolbar input[type=checkbox]")
	p.Until("new Set(" + ticks + ").size === 2")
	p.Do(chromedp.EmulateViewport(390, 800))
	p.Until("innerWidth === 390")
	p.Fits()
}
