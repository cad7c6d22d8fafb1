// Package page_test uses the pages of Clews of real processes as a person does, in a real browser.
package page_test

import (
	"os"
	"testing"

	"example.com/clew/observability/viewer/page/pagetest"
	"example.com/clew/test/internal/clewtest"
)

var (
	browser  pagetest.Browser
	binaries clewtest.Binaries
)

func TestMain(m *testing.M) {
	os.Exit(clewtest.BuildAndRun(&binaries, func() int { return browser.Run(m) }))
}
