// Package browser_test uses the pages of Clews of real processes as a person does, in a real browser.
package browser_test

import (
	"os"
	"testing"

	"example.com/clew/observability/viewer/page/pagetest"
	"example.com/clew/standalone/internal/clewtest"
)

var (
	browser  pagetest.Browser
	binaries clewtest.Binaries
)

func TestMain(m *testing.M) {
	os.Exit(clewtest.BuildAndRun(&binaries, func() int { return browser.Run(m) }))
}
