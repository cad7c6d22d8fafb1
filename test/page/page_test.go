package page_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"example.com/clew/observability/viewer/page/pagetest"
	"example.com/clew/test/internal/clewtest"
)

// TestThePage uses one Clew from its first order to its last: what one test leaves behind is what the next looks at.
func TestThePage(t *testing.T) {
	c := &clew{Clew: binaries.Start(t), orders: map[string]string{}}
	t.Run("the page is small and asks nobody else", c.isSmall)
	t.Run("a page that nobody sees keeps no connection", c.letsGo)
	busy := c.keepBusy(t)
	if !t.Run("orders are placed", c.placesOrders) {
		return
	}
	t.Run("journeys", c.followsJourneys)
	t.Run("crashes", c.survivesCrashes)
	t.Run("a trace is found", c.findsATrace)
	t.Run("a trace is read", c.readsATrace)
	t.Run("links are followed", c.followsLinks)
	t.Run("traces are compared", c.comparesTraces)
	t.Run("journeys that take long", c.followsLongJourneys)
	t.Run("dead letters", c.treatsDeadLetters)
	t.Run("logs", c.showsLogs)
	t.Run("alerts", c.showsAlerts)
	t.Run("dashboards", c.drawsDashboards)
	t.Run("dashboards are zoomed", c.zoomsDashboards)
	busy.Wait()
	t.Run("lessons and documents", c.teaches)
	t.Run("it is accessible", c.isAccessible)
	t.Run("many orders by one click", c.placesManyOrders)
	t.Run("switches", c.turnsSwitches)
	t.Run("Redis hangs", c.survivesRedis)
}

// clew is one that runs, and the orders placed there.
type clew struct {
	*clewtest.Clew
	orders map[string]string // their ids, by what they are
}

func (c *clew) open(t *testing.T, path string) *pagetest.Tab {
	t.Helper()
	return browser.Open(t, c.Addresses.Viewer+path, pagetest.Look{})
}

// keepBusy places orders for a while, as a load test and otherwise, so that there is something in each metric and more than
// the orders that are looked at.
func (c *clew) keepBusy(t *testing.T) *sync.WaitGroup {
	var busy sync.WaitGroup
	t.Cleanup(busy.Wait)
	busy.Go(func() {
		if code, out := c.Load("--scenario=poison", "--rate=10", "--duration=50s"); code != 0 {
			t.Logf("the load test ends with %d, for orders that kill inventory delay all others:\n%s", code, out)
		}
	})
	busy.Go(func() {
		for until := time.Now().Add(50 * time.Second); time.Now().Before(until); {
			c.Run("order", "--json", "--sku=test-flaky") // again and again: crashes begin new series, and a rate needs growth
		}
	})
	return &busy
}

// The page is interactive when the form can be used.
func (c *clew) isSmall(t *testing.T) {
	tab := c.open(t, "/")
	tab.Until("document.querySelector('input[value=lamp]') && document.querySelector('.button-primary:enabled')")
	t.Logf("interactive after at most %.0f ms, loaded after %.0f ms",
		pagetest.Eval[float64](tab, "performance.now()"),
		pagetest.Eval[float64](tab, "performance.timing.loadEventEnd - performance.timing.navigationStart"))
	tab.UntilText("No orders yet")
	type request struct {
		Name         string
		TransferSize int
	}
	requests := pagetest.Eval[[]request](tab, `performance.getEntries().filter(e => 'transferSize' in e)
		.map(e => ({ Name: e.name, TransferSize: e.transferSize }))`)
	sum := 0
	for _, r := range requests {
		sum += r.TransferSize
		if !pagetest.Eval[bool](tab, fmt.Sprintf("new URL(%q).host === location.host", r.Name)) {
			t.Errorf("it asks %s", r.Name)
		}
	}
	t.Logf("%d requests, %d bytes", len(requests), sum)
	if len(requests) < 10 || sum > 120_000 {
		t.Errorf("%d bytes in %d requests, want at most 120000", sum, len(requests))
	}
}

// A browser has six connections for a server: six pages in the background must not keep them.
func (c *clew) letsGo(t *testing.T) {
	tab := c.open(t, "/")
	tab.Until("document.querySelector('.order-form')")
	for _, step := range []struct {
		hidden bool
		says   string
	}{{true, "not connected"}, {false, ""}} {
		pagetest.Eval[bool](tab, fmt.Sprintf(`Object.defineProperty(document, 'hidden', { value: %t, configurable: true })
			&& document.dispatchEvent(new Event('visibilitychange'))`, step.hidden))
		tab.Until(fmt.Sprintf("document.querySelector('.connection').textContent === %q", step.says))
	}
}

// quote writes a text as JavaScript does.
func quote(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
