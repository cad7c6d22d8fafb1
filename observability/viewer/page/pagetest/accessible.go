package pagetest

import (
	"context"
	_ "embed"
	"strings"

	"github.com/chromedp/chromedp"
)

// Written by `make vendor`.
//
//go:embed axe/axe.min.js
var axe string

// Accessible fails the test for everything on the page that axe finds fault with: the rules of WCAG 2.2, levels A and AA, and its
// best practices.
func (p *Tab) Accessible() {
	p.t.Helper()
	p.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](axe+"; true"))
		return err
	}))
	const run = `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then(found =>
		found.violations.map(v => v.id + ': ' + v.help + '\n' + v.nodes.slice(0, 5).map(n =>
			'  ' + n.html.slice(0, 200) + '\n    ' + n.failureSummary.replaceAll('\n', '\n    ')).join('\n')))`
	if found := Eval[[]string](p, run); len(found) > 0 {
		p.t.Errorf("axe finds, on\n%s\n%s", Eval[string](p, "location.href"), strings.Join(found, "\n"))
	}
}
