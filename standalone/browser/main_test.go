// Package browser_test uses the pages of Clews of real processes as a person does, in a real browser.
package browser_test

import (
	"fmt"
	"os"
	"testing"

	"example.com/clew/observability/viewer/page/pagetest"
	"example.com/clew/standalone/internal/clewtest"
)

var (
	browser  pagetest.Browser
	binaries clewtest.Binaries
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "clew-browser")
	if err == nil {
		defer func() { _ = os.RemoveAll(folder) }()
		binaries, err = clewtest.Build(folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return browser.Run(m)
}
