// Package pagetest tests the viewer's page in a real browser. A test package has one Browser, in which each test opens tabs:
//
//	var browser pagetest.Browser
//
//	func TestMain(m *testing.M) { os.Exit(browser.Run(m)) }
//
//	func TestAnOrderIsPlaced(t *testing.T) {
//		tab := browser.Open(t, "http://127.0.0.1:3000/", pagetest.Look{})
//		tab.Press("Place order")
//		tab.UntilText("was accepted")
//	}
//
// A test fails if anything in its tabs throws, writes an error to the console, cannot be loaded, or breaks the
// Content-Security-Policy; but not if the page's API answers with an error, which the page should show. Each step may take
// 30 s. The log of a failed test names a screenshot of each tab.
package pagetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Browser is one Chromium for all tests of a package. Its tabs may be used concurrently.
type Browser struct {
	ctx context.Context // nil where there is none
}

// Run starts the browser, runs the tests, stops the browser, and returns the exit code. Without Chromium, tests that open a tab
// are skipped with a message; if the variable CI is set, Run fails.
func (b *Browser) Run(m *testing.M) int {
	stop, err := b.start()
	switch {
	case errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") == "":
		return m.Run()
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop chromium:", err)
		return 1
	}
	return code
}

func (b *Browser) start() (stop func() error, err error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	allocator, release := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(program), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewContext(allocator)
	stop = func() error {
		defer release()
		defer cancel()
		return chromedp.Cancel(ctx)
	}
	if err := chromedp.Do(ctx); err != nil { // without this first step, each tab would start a browser of its own
		return nil, errors.Join(fmt.Errorf("start %s: %w", program, err), stop())
	}
	b.ctx = ctx
	return stop, nil
}

// find looks where deploy/install-servers.sh does.
func find() (program string, err error) {
	for _, name := range []string{
		"chromium", "chromium-browser", "google-chrome",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium",
	} {
		if program, err = exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", fmt.Errorf("chromium is missing: %w; `make test` installs it", exec.ErrNotFound)
}

// Look is the size and the theme of a tab.
type Look struct {
	Width, Height int64 // pixels; zero means 1280 and 800
	Dark          bool  // the preferred colour scheme
}

// Open shows an address in a new tab, which is closed with the test.
func (b *Browser) Open(t testing.TB, url string, look Look) *Tab {
	t.Helper()
	if b.ctx == nil {
		t.Skip("SKIPPED: chromium is missing; `make test` installs it")
	}
	ctx, closeTab := chromedp.NewContext(b.ctx)
	t.Cleanup(closeTab)
	p := &Tab{t, ctx}
	console := chromedp.Console(ctx)
	t.Cleanup(func() { p.finish(console) })

	if look.Width == 0 {
		look.Width = 1280
	}
	if look.Height == 0 {
		look.Height = 800
	}
	scheme := &emulation.MediaFeature{Name: "prefers-color-scheme", Value: "light"}
	if look.Dark {
		scheme.Value = "dark"
	}
	p.Do(chromedp.EmulateViewport(look.Width, look.Height), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia,
			emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{scheme}})
		return err
	}))
	p.Go(url)
	return p
}
