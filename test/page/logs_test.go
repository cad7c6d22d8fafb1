package page_test

import (
	"fmt"
	"testing"

	"example.com/clew/observability/viewer/page/pagetest"
)

// Of the lines that are shown.
const (
	lines    = "[...document.querySelectorAll('.log-lines li')]"
	messages = lines + ".map(l => l.querySelector('.log-text').textContent)"
)

// showsLogs looks at what services logged, after orders failed and one was redriven.
func (c *clew) showsLogs(t *testing.T) {
	tab := c.open(t, "/logs")
	all := func(condition string) string {
		return lines + ".length > 0 && " + lines + ".every(l => " + condition + ")"
	}
	t.Run("filtered", func(t *testing.T) {
		tab := tab.In(t)
		tab.Until(lines + ".some(l => l.dataset.level === 'INFO') && " + lines + ".some(l => l.dataset.level === 'ERROR')")
		choose(tab, "level", "error")
		tab.Until("location.search === '?level=error' && " + all("l.dataset.level === 'ERROR'"))
		choose(tab, "level", "")
		choose(tab, "service", "order")
		tab.Until("location.search === '?service=order' && " + all("l.querySelector('.log-service').textContent.trim().endsWith('order')"))
		tab.Type("[name=text]", "ADMIN=\r")
		tab.Until("location.search === '?service=order&text=ADMIN%3D' && " + all("l.querySelector('.log-text').textContent.startsWith('started')"))
		tab.Go(c.Addresses.Viewer + "/logs?text=nowhere")
		tab.UntilText("No record is like that")
		tab.Go(c.Addresses.Viewer + "/logs?level=loud")
		tab.UntilText(`level is "loud": expected one of trace, debug, info, warn, error, fatal`)
	})
	t.Run("of an order", func(t *testing.T) {
		tab := tab.In(t)
		tab.Go(c.Addresses.Viewer + "/traces/" + c.traceOf(tab, "test-poison"))
		tab.Click(".facts a[href='/logs?order=" + c.orders["test-poison"] + "']")
		tab.Until(messages + ".filter(m => m.startsWith('attempt failed')).length === 5 && " +
			messages + ".some(m => m.startsWith('message dead-lettered'))")
	})
	t.Run("opened, and their trace", func(t *testing.T) {
		tab := tab.In(t)
		tab.Click(".log-lines li:last-of-type summary")
		tab.Until("[...document.querySelectorAll('.log-lines [open] dt')].some(d => d.textContent === 'attempt' && d.nextElementSibling.innerText.trim() === '1')")
		tab.Until("!document.querySelector('[name=follow]').checked") // what one reads stays where it is
		tab.Click(".log-lines li:last-of-type .log-trace")
		tab.Until("location.pathname === '/traces/" + c.traceOf(tab, "test-poison") + "' && " + selected + " === 'process orders'")
	})
	t.Run("followed", func(t *testing.T) {
		tab := tab.In(t)
		tab.Go(c.Addresses.Viewer + "/logs?level=warn")
		tab.Until(lines + ".length > 0")
		newest := pagetest.Eval[string](tab, lines+"[0].textContent")
		c.place(t, "test-flaky")
		tab.Until(lines + "[0].textContent !== " + quote(t, newest))
	})
	t.Run("narrow", func(t *testing.T) {
		tab := browser.Open(t, c.Addresses.Viewer+"/logs", pagetest.Look{Width: 390})
		tab.Until(lines + ".length > 0")
		tab.Fits()
	})
}

// choose sets a select of a form, as a person does.
func choose(tab *pagetest.Tab, name, value string) {
	tab.Until(fmt.Sprintf(`(s => [...s.options].some(o => o.value === %[2]q) && (s.focus(), s.value = %[2]q,
		s.dispatchEvent(new Event('change', { bubbles: true }))))(document.querySelector('select[name=%[1]s]'))`, name, value))
}
