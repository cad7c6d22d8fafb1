package page_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/clew/observability/viewer/page/pagetest"
)

// letter is the dead letter of an order, among all.
func (c *clew) letter(order string) string {
	return fmt.Sprintf("[...document.querySelectorAll('[data-letter]')].find(l => l.querySelector('a[href=\"/?order=%s\"]'))", c.orders[order])
}

// ask presses a button of a dead letter.
func (c *clew) ask(tab *pagetest.Tab, order, button string) {
	tab.Until(fmt.Sprintf("[...%s.querySelectorAll('button')].some(b => b.textContent === %q && (b.click(), true))", c.letter(order), button))
}

func (c *clew) treatsDeadLetters(t *testing.T) {
	isDead := func(order string) bool { return strings.Contains(c.Run("dlq", "list", "--json"), c.orders[order]) }
	t.Run("without the token", func(t *testing.T) {
		tab := c.open(t, "/streams")
		for _, button := range []string{"Redrive…", "Discard…"} {
			c.ask(tab, "test-poison", button)
			tab.UntilText("This page was opened without the token that allows it to act. Open the address that clew up prints")
		}
		if !isDead("test-poison") {
			t.Error("the dead letter is gone")
		}
	})
	t.Run("redriven", func(t *testing.T) {
		c.Run("fix", "poison")
		tab := c.open(t, "/?order="+c.orders["test-poison"]+"#token="+c.Token)
		tab.Press("Redrive…")
		tab.UntilText("Redrive this message?")
		tab.Press("Redrive")
		tab.UntilText("Confirmed after")
		for _, station := range []string{"Attempt 5, failed", "Dead letter, failed", "Redrive, done", "Attempt 6, done"} {
			tab.Until(fmt.Sprintf("%s.includes(%q)", stations, station))
		}
		if isDead("test-poison") {
			t.Error("the dead letter is still there")
		}
		c.followsRedrive(t, tab)
	})
	t.Run("discarded", func(t *testing.T) {
		tab := c.open(t, "/streams#token="+c.Token)
		c.ask(tab, "test-invalid", "Discard…")
		tab.UntilText("Discard this message?")
		tab.Press("Discard")
		tab.UntilText("Discarded.")
		tab.Until("!" + c.letter("test-invalid"))
		if isDead("test-invalid") {
			t.Error("the dead letter is still there")
		}
	})
}

// followsRedrive goes from the order's trace to that of the redrive, and back.
func (c *clew) followsRedrive(t *testing.T, tab *pagetest.Tab) {
	t.Helper()
	trace := "/traces/" + c.traceOf(tab, "test-poison")
	redrive := pagetest.Eval[string](tab, "document.querySelector('.done a').pathname")
	tab.Go(c.Addresses.Viewer + trace)
	tab.Click(fmt.Sprintf("a.wf-mark[title^='links to'][href^='%s?span=']", redrive))
	tab.Until(at(redrive) + " && " + selected + " === 'redrive orders'")
	tab.Until(fmt.Sprintf("[...document.querySelectorAll(\".details a[href^='%s?span=']\")].some("+
		"a => a.textContent.startsWith('process') && (a.click(), true))", trace))
	tab.Until(at(trace) + " && " + selected + " === 'process orders' && document.querySelector('.wf-current .wf-attempt').textContent === '#6'")
}
