package page_test

import (
	"fmt"
	"testing"

	"example.com/clew/observability/viewer/page/pagetest"
)

// selected is the span that is looked at.
const selected = "document.querySelector('.wf-current .wf-name')?.textContent"

// traceOf is the trace in which an order was placed.
func (c *clew) traceOf(tab *pagetest.Tab, order string) string {
	return pagetest.Eval[string](tab, fmt.Sprintf("fetch('/api/orders/%s').then(r => r.json()).then(o => o.trace_id)", c.orders[order]))
}

func at(path string) string { return fmt.Sprintf("location.pathname === '%s'", path) }

func (c *clew) findsATrace(t *testing.T) {
	tab := c.open(t, "/?order="+c.orders["lamp"])
	trace := "/traces/" + c.traceOf(tab, "lamp")
	isShown := func(t *testing.T) {
		t.Helper()
		tab.In(t).Until(at(trace) + " && [...document.querySelectorAll('.wf-name')].filter(n => n.textContent === 'process stock').length === 1")
	}
	t.Run("from the order", func(t *testing.T) {
		tab.In(t).Click(".journey header a.button")
		isShown(t)
	})
	t.Run("by a search", func(t *testing.T) {
		tab := tab.In(t)
		tab.Go(c.Addresses.Viewer + "/traces")
		tab.Type("[name=order]", c.orders["lamp"]+"\r")
		tab.Click(fmt.Sprintf(".trace-list a[href='%s']", trace))
		isShown(t)
	})
}

func (c *clew) followsLinks(t *testing.T) {
	tab := c.open(t, "/")
	trace := "/traces/" + c.traceOf(tab, linked)
	tab.Go(c.Addresses.Viewer + trace)
	tab.Click("a.wf-mark") // of `create orders`, though it is the other trace that tells of the link
	tab.Until("!(" + at(trace) + ") && " + selected + " === 'process orders'")
	tab.Click(fmt.Sprintf(".details a[href^='%s?span=']", trace))
	tab.Until(at(trace) + " && " + selected + " === 'create orders'")
}

func (c *clew) comparesTraces(t *testing.T) {
	tab := c.open(t, "/")
	tab.Go(fmt.Sprintf("%s/compare?a=%s&b=%s", c.Addresses.Viewer, c.traceOf(tab, "lamp"), c.traceOf(tab, broken)))
	tab.Until("document.querySelectorAll('.wf').length === 2")
	for _, row := range []string{"Services | inventory, order | order", "process orders | once | none", "Traces of the same order | 1 | 3"} {
		tab.Until(fmt.Sprintf("[...document.querySelectorAll('.differences tr')].some("+
			"r => [...r.children].map(c => c.textContent.trim()).join(' | ') === %q)", row))
	}
}
