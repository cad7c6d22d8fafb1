package pagetest

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	patience = 30 * time.Second // with each step
	again    = 20 * time.Millisecond
)

// A Tab shows the page. If a method waits for something in vain, it fails and ends the test.
type Tab struct {
	t   testing.TB
	ctx context.Context
}

// In returns the tab for use in a subtest of the test that opened it.
func (p *Tab) In(t testing.TB) *Tab { return &Tab{t, p.ctx} }

// Go shows another address.
func (p *Tab) Go(url string) { p.t.Helper(); p.Do(chromedp.Navigate(url)) }

// Do takes steps for which there is no method.
func (p *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%v, on\n%s", err, p.shown())
	}
}

// Click clicks the first element of a CSS selector, as soon as it is visible.
func (p *Tab) Click(selector string) { p.t.Helper(); p.Do(chromedp.Click(chromedp.CSS(selector))) }

// Press clicks the button with this text, as soon as it exists and is enabled.
func (p *Tab) Press(button string) {
	p.t.Helper()
	find := fmt.Sprintf("[...document.querySelectorAll('button')].find(b => !b.disabled && b.textContent.trim() === %s)", quote(button))
	p.Until(find)
	Eval[bool](p, "("+find+".click(), true)")
}

// Drag drags the mouse over the first element of a selector, from one share of its width to another, at half its height.
func (p *Tab) Drag(selector string, from, to float64) {
	p.t.Helper()
	find := fmt.Sprintf("document.querySelector(%s)", quote(selector))
	p.Until(find)
	box := Eval[[4]float64](p, "(({ left, top, width, height }) => [left, top, width, height])("+find+".getBoundingClientRect())")
	at := func(share float64) float64 { return box[0] + share*box[2] }
	y := box[1] + box[3]/2
	p.Do(chromedp.DragAndDropXY(at(from), y, at(to), y))
}

// Focus gives the keyboard to the first element of a selector.
func (p *Tab) Focus(selector string) { p.t.Helper(); p.Do(chromedp.Focus(chromedp.CSS(selector))) }

// Keys presses keys one after the other, in the focused element; chromedp's package kb has those without a character.
func (p *Tab) Keys(keys ...string) {
	p.t.Helper()
	for _, key := range keys {
		p.Do(chromedp.KeyEvent(key))
	}
}

// Type types into the first element of a selector, as soon as it is visible.
func (p *Tab) Type(selector, text string) {
	p.t.Helper()
	p.Do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Choose chooses an option of the first select element of a selector, as soon as it is there.
func (p *Tab) Choose(selector, value string) {
	p.t.Helper()
	p.Until(fmt.Sprintf(`(select => (select.value = %[2]s, select.value === %[2]s &&
		select.dispatchEvent(new Event('change', { bubbles: true }))))(document.querySelector(%[1]s))`, quote(selector), quote(value)))
}

// Until waits until an expression is true, and then for the next frame, in which a person would see it. An expression that
// throws is not true yet.
func (p *Tab) Until(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	check := chromedp.Evaluate[bool](fmt.Sprintf(`(async () => Boolean(%s) &&
		new Promise(done => requestAnimationFrame(() => setTimeout(() => done(true)))))()`, expression), chromedp.EvalAwaitPromise)
	for {
		done, err := chromedp.Run(ctx, check)
		if done {
			return
		}
		select {
		case <-ctx.Done():
			p.t.Fatalf("wait until %s: not within %v, last error: %v, on\n%s", expression, patience, err, p.shown())
		case <-time.After(again):
		}
	}
}

// UntilText waits until the page shows a text, whatever spaces are between its words.
func (p *Tab) UntilText(text string) {
	p.t.Helper()
	p.Until(fmt.Sprintf(`document.body.innerText.replace(/\s+/g, ' ').includes(%s)`, quote(text)))
}

// Texts returns the present texts of all elements of a selector, shown or not, with one space between words.
func (p *Tab) Texts(selector string) []string {
	p.t.Helper()
	texts := Eval[[]string](p, fmt.Sprintf("[...document.querySelectorAll(%s)].map(e => e.textContent)", quote(selector)))
	for i, text := range texts {
		texts[i] = strings.Join(strings.Fields(text), " ")
	}
	return texts
}

// Eval returns the value of an expression, or of its promise, decoded from JSON.
func Eval[T any](p *Tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%.300s: %v", expression, err)
	}
	return value
}

// Fits fails the test if the page is wider than the tab.
func (p *Tab) Fits() {
	p.t.Helper()
	widths := Eval[[2]float64](p, "[document.documentElement.scrollWidth, innerWidth]")
	if widths[0] > widths[1] {
		p.t.Errorf("the page is %v pixels wide, the tab %v", widths[0], widths[1])
	}
}

// Screenshot returns a picture of the tab, as PNG.
func (p *Tab) Screenshot() []byte {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatalf("take a screenshot: %v", err)
	}
	return picture
}

// finish fails the test if the page had a problem, and keeps a picture of it if the test failed.
func (p *Tab) finish(console iter.Seq2[chromedp.ConsoleMessage, error]) {
	p.t.Helper()
	const end = "the test is over"
	p.Until(fmt.Sprintf("(console.debug(%s), true)", quote(end)))
	for message, err := range console {
		if err != nil {
			p.t.Fatalf("read the console: %v", err)
		}
		if message.Text == end {
			break
		}
		if isProblem(message) {
			p.t.Errorf("in the page: %s (%s:%d)", message, message.URL, message.Line+1)
		}
	}
	if p.t.Failed() {
		p.keepScreenshot()
	}
}

func isProblem(m chromedp.ConsoleMessage) bool {
	if m.Source == "network" {
		address, err := url.Parse(m.URL)
		return err != nil || !strings.HasPrefix(address.Path, "/api/")
	}
	return m.IsException() || m.Type == chromedp.ConsoleError
}

func (p *Tab) keepScreenshot() {
	p.t.Helper()
	picture := p.Screenshot()
	file, err := os.CreateTemp("", strings.ReplaceAll(p.t.Name(), "/", "-")+"-*.png")
	if err != nil {
		p.t.Fatal(err)
	}
	_, err = file.Write(picture)
	if closed := file.Close(); err != nil || closed != nil {
		p.t.Fatalf("write %s: %v, %v", file.Name(), err, closed)
	}
	p.t.Log("screenshot:", file.Name())
}

// shown returns the tab's address and text, to explain why a test failed.
func (p *Tab) shown() string {
	ctx, cancel := context.WithTimeout(p.ctx, time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("location.pathname + location.search + '\\n' + document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%.3000s", text)
}

// quote writes a text as JavaScript does.
func quote(text string) string {
	data, err := json.Marshal(text)
	if err != nil {
		panic(err) // no string cannot be written
	}
	return string(data)
}
