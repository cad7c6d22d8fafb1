// Package browsertest looks at each part of the page with a real browser, as a person does. The page and what keeps traces
// are the real ones; what Redis, the order API and Prometheus's engine would say is what a test wants them to.
package browsertest

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"example.com/clew/observability/viewer/page/pagetest"
)

var browser pagetest.Browser

func TestMain(m *testing.M) {
	code := browser.Run(m)
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
