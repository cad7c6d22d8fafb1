package page_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/clew/observability/viewer/page/pagetest"
)

// What orders are that are no SKU's.
const (
	broken = "lamp, propagation off"
	linked = "lamp, relation link"
)

// place fills in the form, and returns the id of the order whose journey is shown then.
func place(tab *pagetest.Tab, sku string, switches ...string) string {
	const shown = "new URLSearchParams(location.search).get('order')"
	before := pagetest.Eval[string](tab, shown+" ?? ''")
	turn := func() {
		for _, name := range switches {
			tab.Click("input[name=" + name + "]")
		}
	}
	tab.Click("input[value=" + sku + "]")
	turn()
	tab.Press("Place order")
	tab.Until(fmt.Sprintf("(%[1]s ?? '') !== '%[2]s' && document.querySelector('.journey h2')?.textContent === '%[3]s'", shown, before, sku))
	turn() // back
	return pagetest.Eval[string](tab, shown)
}

func (c *clew) placesOrders(t *testing.T) {
	tab := c.open(t, "/")
	c.orders["lamp"] = place(tab, "lamp")
	tab.Until(fmt.Sprintf("document.querySelector('.journey').innerText.includes(%q)", c.orders["lamp"]))
	tab.Until("document.querySelector('.verdict').textContent.startsWith('Confirmed after')")
	for _, sku := range []string{"test-slow", "test-flaky", "test-poison", "test-invalid", "test-out-of-stock"} {
		c.orders[sku] = place(tab, sku)
	}
	c.orders[broken] = place(tab, "lamp", "propagation")
	c.orders[linked] = place(tab, "lamp", "relation")

	took := pagetest.Eval[float64](tab, `(async () => {
		const start = performance.now(), before = location.search;
		document.querySelector('.order-form .button-primary').click();
		while (location.search === before || !document.querySelector('.verdict')?.textContent.startsWith('Confirmed after'))
			await new Promise(requestAnimationFrame);
		return performance.now() - start;
	})()`)
	t.Logf("from a click to the order's trace, whole: %.0f ms", took)
}

// stations are those of a journey that were reached: what each is called, and how it stands.
const stations = `[...document.querySelectorAll('[data-station]:not(.later)')].map(s =>
	s.querySelector('h3').firstChild.textContent + ', ' + s.dataset.state)`

var (
	placed    = []string{"HTTP, done", "Database, done", "Outbox, done", "Stream orders, done"}
	processed = []string{"Processed, done"}
	answered  = []string{"Database, done", "Outbox, done", "Stream stock, done"}
	finished  = []string{"Processed, done", "Database, done", "Outbox, done", "Stream orders, done"}
)

// attempts are so many that failed.
func attempts(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("Attempt %d, failed", i+1))
	}
	return all
}

// killed are so many that killed their process.
func killed(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("Attempt %d: killed, killed", i+1))
	}
	return all
}

// follows chooses an order, and waits until its journey is what it must become.
func (c *clew) follows(t *testing.T, order, verdict string, parts ...[]string) *pagetest.Tab {
	t.Helper()
	tab := c.open(t, "/?order="+c.orders[order])
	tab.UntilText(verdict)
	tab.Until(fmt.Sprintf("JSON.stringify(%s) === %s", stations, quote(t, quote(t, slices.Concat(parts...)))))
	return tab
}

func (c *clew) followsJourneys(t *testing.T) {
	t.Run("lamp", func(t *testing.T) {
		c.follows(t, "lamp", "Confirmed after", placed, processed, answered, finished)
	})
	t.Run("test-out-of-stock", func(t *testing.T) {
		c.follows(t, "test-out-of-stock", "Rejected after", placed, processed, answered, finished)
	})
	t.Run("test-invalid", func(t *testing.T) {
		c.follows(t, "test-invalid", "Dead-lettered after one attempt (permanent)", placed,
			[]string{"Processed, failed", "Dead letter, failed"})
	})
	t.Run("test-flaky", func(t *testing.T) {
		c.follows(t, "test-flaky", "Confirmed after", placed, attempts(2), []string{"Attempt 3, done"}, answered, finished)
	})
	t.Run("test-slow", func(t *testing.T) {
		tab := c.follows(t, "test-slow", "Confirmed after", placed, processed, answered, finished)
		took := tab.Texts("[data-station=attempt] h3 .num")[0]
		if seconds, err := strconv.ParseFloat(strings.TrimSuffix(took, " s"), 64); err != nil || seconds < 2 {
			t.Errorf("inventory took %s, want 2 s", took)
		}
	})
	for order, says := range map[string]string{
		broken: "The trace breaks here. The message carried no traceparent",
		linked: "A trace of its own begins here. The message carried its traceparent",
	} {
		t.Run(order, func(t *testing.T) {
			tab := c.follows(t, order, "Confirmed after", placed, processed, answered, finished)
			tab.UntilText("3 traces tell of this order")
			for _, note := range tab.Texts(".broken") {
				if !strings.HasPrefix(note, says) {
					t.Errorf("%q, want %q", note, says)
				}
			}
		})
	}
}

// An order that kills inventory may let it forget what it has sent, so that messages of others come twice: one at a time.
func (c *clew) survivesCrashes(t *testing.T) {
	tab := c.open(t, "/")
	c.orders["test-crash"] = place(tab, "test-crash")
	c.follows(t, "test-crash", "Confirmed after", placed, []string{"Attempt 1: killed, killed", "Attempt 2, done"}, answered, finished)
	c.orders["test-crash-loop"] = place(tab, "test-crash-loop") // followed later, for it takes long
}

func (c *clew) followsLongJourneys(t *testing.T) {
	t.Run("test-poison", func(t *testing.T) {
		c.follows(t, "test-poison", "Dead-lettered after 5 attempts (exhausted)", placed, attempts(5), []string{"Dead letter, failed"})
	})
	t.Run("test-crash-loop", func(t *testing.T) {
		c.follows(t, "test-crash-loop", "Dead-lettered after 5 attempts (exhausted)", placed,
			killed(5), []string{"Dead letter, failed"})
	})
}
