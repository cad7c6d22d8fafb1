package page_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"example.com/clew/clew/lessontest"
	"example.com/clew/observability/viewer/page/pagetest"
)

var update = flag.Bool("update", false, "draw docs/screenshots again")

// TestScreenshots draws the pictures of docs/screenshots that are of the page and of the load test's reports.
func TestScreenshots(t *testing.T) {
	if !*update {
		t.Skip("SKIPPED: `make screenshots` draws docs/screenshots again; nothing is compared with them")
	}
	c := &clew{Clew: binaries.Start(t)}
	files := c.loads(t)

	crash := c.place(t, "test-crash") // before all whose spans are wanted: a process that is killed takes the newest with it
	for _, sku := range []string{"test-slow", "mug", "test-invalid", "bulb", "test-out-of-stock"} {
		c.place(t, sku)
	}
	poison := c.place(t, "test-poison")
	c.Run("fix", "poison")
	c.Run("dlq", "redrive", poison.DeadLetter)
	flaky, broken := c.place(t, "test-flaky"), c.place(t, "test-flaky", "--propagation=off")
	linked, lamp := c.place(t, "lamp", "--relation=link"), c.place(t, "lamp")
	c.Run("break", "poison")

	journey := func(o order) string { return c.Addresses.Viewer + "/?order=" + o.ID }
	trace := func(o order) string { return c.Addresses.Viewer + "/traces/" + o.TraceID }
	compare := func(a, b order) string { return c.Addresses.Viewer + "/compare?a=" + a.TraceID + "&b=" + b.TraceID }
	for name, p := range map[string]struct {
		address, ready string
		most           int64 // pixels high
	}{
		"page-orders":     {journey(lamp), stations + ".length === 12", 1100},
		"page-journey":    {journey(crash), stations + ".length === 13", 1100},
		"page-trace":      {trace(flaky), chosenAttempt, 1100},
		"page-compare":    {compare(lamp, linked), compared, 1100},
		"page-dashboards": {c.Addresses.Viewer + "/d/clew-overview?from=now-5m", allDrawn, 1400},
		"page-alerts":     {c.Addresses.Viewer + "/alerts", "document.querySelector('[data-state=firing]')", 1100},
		"report":          {"file://" + files.report, "document.querySelector('svg')", 1800},
		"comparison":      {"file://" + files.comparison, "document.querySelector('svg')", 1400},
	} {
		c.picture(t, name+"-light", p.address, p.ready, pagetest.Look{Height: p.most})
		c.picture(t, name+"-dark", p.address, p.ready, pagetest.Look{Height: p.most, Dark: true})
	}
	c.picture(t, "page-orders-narrow", journey(lamp), stations+".length === 12", pagetest.Look{Width: 390, Height: 1100})
	c.picture(t, "page-trace-narrow", trace(flaky), "document.querySelectorAll('.wf-row').length > 12", pagetest.Look{Width: 390, Height: 1100})
	c.picture(t, "lesson-1", journey(lamp), openEntry, pagetest.Look{Height: 1100})
	c.picture(t, "lesson-2", compare(flaky, broken), compared, pagetest.Look{Height: 1100})
	c.picture(t, "lesson-3", trace(poison), "document.querySelectorAll('.wf-row').length > 18 && document.querySelector('.related')", pagetest.Look{Height: 1100})
	for name, dark := range map[string]bool{"page-streams-light": false, "page-streams-dark": true} {
		failing := c.Command("order", "--sku=test-poison", "--count=3") // pending for 8 s
		if err := failing.Start(); err != nil {
			t.Fatal(err)
		}
		c.picture(t, name, c.Addresses.Viewer+"/streams", retried, pagetest.Look{Height: 1100, Dark: dark})
		_ = failing.Wait()
	}
	c.lessonPictures(t, crash, lamp, linked)
}

// lessonPictures are those of the lessons from the fourth on. The last ones are of the load that the others make.
func (c *clew) lessonPictures(t *testing.T, crash, lamp, linked order) {
	lesson := func(number int, path, ready string) {
		c.picture(t, fmt.Sprint("lesson-", number), c.Addresses.Viewer+path, ready, pagetest.Look{Height: 1100})
	}
	lesson(5, "/compare?a="+lamp.TraceID+"&b="+linked.TraceID, compared)
	lesson(6, "/traces/"+crash.TraceID, `document.querySelector('.details') || [...document.querySelectorAll('.wf-row')].find(r => r.innerText.includes('☠')).click()`)
	lesson(8, "/?order="+c.place(t, "mug", "--tier=premium").ID, openEntry)
	c.Run("break", "poison")
	lesson(9, "/logs?order="+c.place(t, "test-poison", "--sample=0").ID, "document.querySelectorAll('.log-lines li').length > 5")

	c.Run("process", "pause", "inventory-1", "--for=8s")
	c.Run("order", "--sku=load-001", "--count=1000", "--no-wait")
	c.place(t, "load-002") // when it is finished, so are those before it
	c.Run("order", "--sku=test-slow", "--count=48", "--no-wait")
	lesson(4, "/?order="+c.place(t, "lamp").ID, stations+".length === 12")
	lesson(7, "/d/clew-streams?from=now-2m", allDrawn)
	lesson(10, "/d/clew-overview?from=now-5m&viewPanel=11", "document.querySelector('canvas')")

	student := lessontest.NewStudent(t, "../..", c.Command("status").Path, c.Addresses.Order, c.Env)
	during := func(number int, then func()) {
		student.DoThen(lessontest.Read(t, "../../docs/lessons", number)["Steps"], then)
	}
	during(11, func() { lesson(11, "/", "document.body.innerText.includes('notify')") })
	during(12, func() { lesson(12, "/traces/"+c.place(t, "mug").TraceID, "document.body.innerText.includes('python')") })
}

// What a picture waits for, and what is clicked for it.
const (
	chosenAttempt = `document.querySelector('.details') || [...document.querySelectorAll('.wf-row')].find(r => r.innerText.includes('#2')).click()`
	compared      = `[...document.querySelectorAll('.differences tr')].some(r => /^Traces of the same order1[35]$/.test(r.textContent))`
	allDrawn      = `document.querySelector('canvas') && [...document.querySelectorAll('.panel-waiting')].every(p => p.getBoundingClientRect().top > innerHeight)`
	openEntry     = `(b => b.getAttribute('aria-expanded') === 'true' || b.click())(document.querySelector('[data-station=stream] button')) &&
		document.querySelector('.fields .marked')`
	retried = `document.querySelectorAll('[data-letter]').length > 0 && document.querySelector('canvas') &&
		document.querySelector('[aria-label="Pending entries"]').innerText.includes('retry')`
)

// order is what the command says of one.
type order struct {
	ID         string
	TraceID    string `json:"trace_id"`
	DeadLetter string `json:"dead_letter"`
}

func (c *clew) place(t *testing.T, sku string, args ...string) order {
	t.Helper()
	var orders []order
	if err := json.Unmarshal([]byte(c.Run(append([]string{"order", "--json", "--sku", sku}, args...)...)), &orders); err != nil {
		t.Fatal(err)
	}
	return orders[0]
}

// reports are the pages of a load test and of a comparison.
type reports struct{ report, comparison string }

// loads puts load on Clew twice, the second time with inventory stopped for a while.
func (c *clew) loads(t *testing.T) reports {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	run := func(name string) {
		code, out := c.Load("--scenario=poison", "--rate=40", "--duration=20s", "--json="+file(name+".json"), "--html="+file(name+".html"))
		if code > 1 {
			t.Errorf("the load test ends with %d:\n%s", code, out)
		}
	}
	run("before")
	inventory := *c.Process("inventory-1").PID
	stop := time.AfterFunc(7*time.Second, func() { _ = syscall.Kill(inventory, syscall.SIGSTOP) })
	goOn := time.AfterFunc(13*time.Second, func() { _ = syscall.Kill(inventory, syscall.SIGCONT) })
	run("after")
	if stop.Stop() || goOn.Stop() {
		t.Error("the load test was over before inventory was stopped")
	}
	if out, err := c.Loadtest("compare", file("before.json"), file("after.json"), "--html="+file("comparison.html")).CombinedOutput(); err == nil {
		t.Errorf("the second run should be worse:\n%s", out)
	}
	return reports{file("after.html"), file("comparison.html")}
}

// picture draws what is shown at an address, as high as that is, but at least 900 pixels and at most those of the look.
func (c *clew) picture(t *testing.T, name, address, ready string, look pagetest.Look) {
	t.Run(name, func(t *testing.T) { // so that the tab is closed, and with it the connection that each keeps to the server
		tab := browser.Open(t, address, look)
		tab.Until(ready)
		pagetest.Eval[bool](tab, "new Promise(done => setTimeout(done, 1000, true))") // what moves has come to rest
		size := pagetest.Eval[[2]int64](tab, "(document.activeElement.blur(), [innerWidth, Math.ceil(document.body.getBoundingClientRect().height)])")
		tab.Do(chromedp.EmulateViewport(size[0], min(max(size[1], 900), look.Height)))
		picture, err := fewerColors(tab.Screenshot())
		if err == nil {
			err = os.WriteFile("../../docs/screenshots/"+name+".png", picture, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d kB", len(picture)/1000)
	})
}

// fewerColors makes a PNG a third as large: of colours that are alike the most frequent takes the place of the others.
func fewerColors(picture []byte) ([]byte, error) {
	full, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return nil, err
	}
	count := map[color.Color]int{}
	box := full.Bounds()
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			count[full.At(x, y)]++
		}
	}
	all := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return count[b] - count[a] })
	var palette color.Palette
	for _, c := range all {
		if len(palette) < 256 && !slices.ContainsFunc(palette, func(p color.Color) bool { return near(p, c) }) {
			palette = append(palette, c)
		}
	}
	index := map[color.Color]uint8{}
	for _, c := range all {
		index[c] = uint8(palette.Index(c))
	}
	small := image.NewPaletted(box, palette)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			small.SetColorIndex(x, y, index[full.At(x, y)])
		}
	}
	var out bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small)
	return out.Bytes(), err
}

// near tells whether two colours look alike: the shades at the edges of letters do.
func near(a, b color.Color) bool {
	const most = 5 << 8 // of 256, in each channel
	differ := func(a, b uint32) bool { return max(a, b)-min(a, b) > most }
	r1, g1, b1, _ := a.RGBA()
	r2, g2, b2, _ := b.RGBA()
	return !differ(r1, r2) && !differ(g1, g2) && !differ(b1, b2)
}
