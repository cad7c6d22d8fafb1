package page_test

import (
	"fmt"
	"testing"

	"example.com/clew/observability/viewer/page/pagetest"
)

// turn presses a switch of a process, and waits for the state that it leads to.
func turn(tab *pagetest.Tab, button, process, state string) {
	tab.Click(fmt.Sprintf("[aria-label='%s %s']:enabled", button, process))
	tab.Until(fmt.Sprintf("document.querySelector('[data-process=%s]')?.dataset.state === '%s'", process, state))
}

// inventoryReads is the row of inventory's group, and what stands in it.
func inventoryReads(condition string) string {
	return `[...document.querySelectorAll('.streams tr')].some(row => {
		const cells = [...row.cells].map(c => c.textContent.trim()), group = cells.indexOf('inventory');
		const [consumers, lag, , pending] = cells.slice(group + 1).map(Number);
		return group >= 0 && ` + condition + `;
	})`
}

// turnsSwitches turns each, sees what it does, and takes it back. Each tab keeps one of the browser's six connections.
func (c *clew) turnsSwitches(t *testing.T) {
	processes := c.open(t, "/processes#token="+c.Token)
	processes.Until("document.querySelectorAll('[data-process][data-state=running]').length === 3")
	streams := c.open(t, "/streams")
	streams.Until(inventoryReads("consumers === 1 && lag + pending === 0"))

	t.Run("without the token", func(t *testing.T) {
		tab := c.open(t, "/processes")
		tab.Click("[aria-label='Pause inventory-1']:enabled")
		tab.UntilText("This page was opened without the token that allows it to act. Open the address that clew up prints")
	})
	t.Run("a consumer is paused and goes on", func(t *testing.T) {
		turn(processes.In(t), "Pause", "inventory-1", "paused")
		processes.In(t).Until("document.querySelector('nav a[href=\"/processes\"] b').textContent === '1'")
		order := c.open(t, "/")
		place(order, "lamp")
		streams.In(t).Until(inventoryReads("lag + pending > 0"))
		turn(processes.In(t), "Continue", "inventory-1", "running")
		order.Until("document.querySelector('.verdict').textContent.startsWith('Confirmed after')")
		streams.In(t).Until(inventoryReads("lag + pending === 0"))
	})
	t.Run("one is killed and started again", func(t *testing.T) {
		tab := processes.In(t)
		const restarts = "parseInt(document.querySelector('[data-process=order-1]').cells[3].textContent)"
		before := pagetest.Eval[int](tab, restarts)
		tab.Click("[aria-label='Kill order-1']:enabled")
		tab.Until(fmt.Sprintf("%s === %d && document.querySelector('[data-process=order-1]').dataset.state === 'running'", restarts, before+1))
	})
	t.Run("another replica comes and goes", func(t *testing.T) {
		tab := processes.In(t)
		tab.Press("Start another replica")
		tab.Until("document.querySelector('[data-process=inventory-2]')?.dataset.state === 'running'")
		streams.In(t).Until(inventoryReads("consumers === 2"))
		tab.Click("[aria-label='Remove inventory-2']:enabled")
		tab.Until("!document.querySelector('[data-process=inventory-2]')")
		streams.In(t).Until(inventoryReads("consumers === 1"))
	})
	t.Run("poison is broken and fixed", func(t *testing.T) {
		tab, order := processes.In(t), c.open(t, "/")
		c.Run("fix", "poison")
		tab.Go(c.Addresses.Viewer + "/processes")
		tab.UntilText("test-poison fixed")
		tab.Press("Break poison")
		tab.UntilText("test-poison broken")
		place(order, "test-poison")
		order.Until(fmt.Sprintf("%s.includes('Attempt 1, failed')", stations))
		tab.Press("Fix poison")
		tab.UntilText("test-poison fixed")
		order.Until("document.querySelector('.verdict').textContent.startsWith('Confirmed after')")
	})
	t.Run("Redis is paused and goes on", func(t *testing.T) {
		tab := processes.In(t)
		turn(tab, "Pause", "redis", "paused")
		streams.In(t).Until("document.querySelector('.streams > .problem')")
		turn(tab, "Continue", "redis", "running")
		streams.In(t).Until("!document.querySelector('.streams > .problem')")
	})
}

func (c *clew) placesManyOrders(t *testing.T) {
	tab := c.open(t, "/")
	tab.Until(`(input => (input.value = '20', input.dispatchEvent(new Event('input', { bubbles: true }))))(
		document.querySelector('input[name=count]'))`)
	tab.Press("Place 20 orders")
	tab.UntilText("20 of 20 orders of lamp accepted.")
	tab.Until("document.querySelector('.verdict').textContent.startsWith('Confirmed after')")
}
