package page_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/clew/observability/viewer/page/pagetest"
)

// everyPage has each page: its address, what is there when it is drawn, and its title.
func (c *clew) everyPage(t *testing.T) [][3]string {
	tab := c.open(t, "/")
	trace := func(order string) string { return "/traces/" + c.traceOf(tab, order) }
	at := func(order string) string { return "/?order=" + c.orders[order] }
	return [][3]string{
		{"/", "document.querySelector('.order-form input') && document.querySelector('.map-node')", "Orders"},
		{at("test-slow"), stations + ".length > 3", "Orders"},
		{at("test-invalid"), stations + ".length > 3", "Orders"},
		{"/traces", "document.querySelectorAll('.trace-list li').length > 3", "Traces"},
		{trace("test-flaky"), chosenAttempt, "POST /orders"},
		{"/compare", "document.querySelector('.trace-list li')", "Compare two traces"},
		{strings.Replace(trace("lamp"), "/traces/", "/compare?a=", 1) + strings.Replace(trace(linked), "/traces/", "&b=", 1), compared, "Compare two traces"},
		{"/logs?order=" + c.orders["test-flaky"], "document.querySelectorAll('.log-lines li').length > 1", "Logs"},
		{"/processes", "document.querySelector('main button')", "Processes"},
		{"/learn", "document.querySelectorAll('.lessons li .tag').length === document.querySelectorAll('.lessons li').length", "Learn"},
		{"/learn/docs/lessons/3-retry-dead-letter-redrive.md", "document.querySelector('.command')", "3. Retry, dead letter, redrive"},
		{"/learn/docs/glossary.md", "document.querySelector('h1')", "Words"},
		{"/streams", "document.querySelector('.streams tbody tr') && document.querySelector('[data-letter]')", "Streams"},
		{"/dashboards", "document.querySelectorAll('a[href^=\"/d/\"]').length > 5", "Dashboards"},
		{"/d/clew-overview", allDrawn, "Overview"},
		{"/d/clew-streams", allDrawn, "Streams"},
		{"/query?query=up", "document.querySelector('canvas')", "Query"},
		{"/alerts", "document.querySelector('[data-alert]')", "Alerts"},
		{"/runbooks/DeadLetterRate", "document.querySelector('.runbook h1')", "DeadLetterRate"},
	}
}

// isAccessible: axe finds nothing on any page, light, dark and narrow, and each fits a telephone and names itself.
func (c *clew) isAccessible(t *testing.T) {
	for _, page := range c.everyPage(t) {
		t.Run(page[0], func(t *testing.T) {
			for _, look := range []pagetest.Look{{}, {Dark: true}, {Width: 390, Height: 3000}} {
				tab := browser.Open(t, c.Addresses.Viewer+page[0], look)
				tab.Until(page[1])
				tab.Until(fmt.Sprintf("document.title === %q", page[2]+" · Clew"))
				tab.Accessible()
				tab.Fits()
			}
		})
	}
	t.Run("by keyboard", c.isUsedByKeyboard)
}

// The keyboard's way through the page begins with a link over the navigation, and follows to each page that is opened.
func (c *clew) isUsedByKeyboard(t *testing.T) {
	tab := c.open(t, "/")
	tab.Until("document.querySelector('.order-form input')")
	tab.Keys("\t")
	tab.Until("document.activeElement.textContent === 'Skip to the page' && document.activeElement.getBoundingClientRect().height >= 24")
	tab.Keys("\r")
	tab.Until("document.activeElement.id === 'main'")
	tab.Keys("\t")
	tab.Until("document.activeElement.closest('.order-form')")
	tab.Focus("nav a[href='/alerts']")
	tab.Keys("\r")
	tab.Until("location.pathname === '/alerts' && document.activeElement.id === 'main'")
}
