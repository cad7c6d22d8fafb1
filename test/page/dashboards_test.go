package page_test

import (
	"testing"

	"github.com/chromedp/chromedp/kb"

	"example.com/clew/observability/viewer/page/pagetest"
)

// What is dragged over is what all panels show, and what the query page shows of one of them.
func (c *clew) zoomsDashboards(t *testing.T) {
	tab := browser.Open(t, c.Addresses.Viewer+"/d/clew-streams", pagetest.Look{Height: 6000}) // what is not seen asks nothing
	times := func() string {
		return pagetest.Eval[string](tab, "location.search.match(/from=[^&]*&to=[^&]*/)?.[0] ?? ''")
	}
	const drawn = "document.querySelectorAll('.panel canvas').length > 0 && !document.querySelector('.panel-waiting, .problem')"
	tab.Until(drawn)
	tab.Drag(".u-over", .5, .99) // what there is may be of the last minute
	tab.Until("/from=\\d{13}&to=\\d{13}/.test(location.search)")
	tab.Until(drawn)
	zoomed := times()

	tab.Focus(".panel:has(canvas) .panel-enlarge")
	tab.Keys(kb.Enter)
	tab.Until("document.querySelectorAll('.panel').length === 1 && document.querySelector('.legend-table td.num')")
	if got := times(); got != zoomed {
		t.Errorf("large, the panel shows %s, want %s", got, zoomed)
	}
	tab.Click(".panel-said a[href^='/query?']")
	tab.Until("location.pathname === '/query' && document.querySelector('.panel canvas')")
	if got := times(); got != zoomed {
		t.Errorf("the query page shows %s, want %s", got, zoomed)
	}
	pagetest.Eval[bool](tab, "(history.go(-3), true)")
	tab.Until("location.pathname === '/d/clew-streams' && location.search === ''")
	tab.UntilText("Last 15 min")
}
