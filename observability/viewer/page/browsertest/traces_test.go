package browsertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/viewer/page/pagetest"
)

func TestSearch(t *testing.T) {
	s := newStage(t)
	const order = "01a1fea7-20a6-7cd4-ac0f-0e6ff58c95e9"
	s.send("order", span(1, 0, "POST /orders", 0, 2000, with("messaging.message.conversation_id", order), with("messaging.system", "redis_streams")),
		span(2, 0, "GET /orders", 10_000, 11_000, inTrace(2)),
		span(3, 0, "POST /orders", 20_000, 900_000, inTrace(3), failed("out")))
	s.send("loadtest", span(4, 0, "place", 30_000, 31_000, inTrace(4)))
	p := s.open("/traces")
	listed := func(p *pagetest.Tab, want ...string) {
		t.Helper()
		data := "[" + strings.Join(want, ",") + "]"
		p.Until(fmt.Sprintf("JSON.stringify([...document.querySelectorAll('.trace-list a')].map(a => Number(a.href.slice(-1)))) === '%s'", data))
	}
	listed(p, "4", "3", "1") // the newest first, without what only reads
	p.Until("[...document.querySelectorAll('.trace-list li')].map(l => l.textContent.includes('failed')).join() === 'false,true,false'")
	p.Click("[name=reads]")
	p.Click(".search .button-primary")
	listed(p, "4", "3", "2", "1")
	p.Until("location.search === '?reads=1'")

	for name, test := range map[string]struct {
		query string
		want  []string
	}{
		"service":            {"service=loadtest", []string{"4"}},
		"name":               {"name=POST+%2Forders", []string{"3", "1"}},
		"failed":             {"error=1", []string{"3"}},
		"order":              {"order=" + order, []string{"1"}},
		"at least":           {"longer=0.5s", []string{"3"}},
		"TraceQL":            {"q=%7B+duration+%3E+100ms+%7D", []string{"3"}},
		"TraceQL, and reads": {"q=%7B+.none+%3D+1+%7D&reads=1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := p.In(t)
			p.Go(s.url + "/traces?" + test.query)
			if test.want == nil {
				p.UntilText("No trace is like that")
				return
			}
			listed(p, test.want...)
		})
	}
	p.Go(s.url + "/traces?q=%7B+nonsense+%7D")
	p.UntilText("expected an attribute or name, status, kind, duration")
	p.Go(s.url + "/traces?longer=soon")
	p.UntilText("“soon” is no length of time")

	// A trace's id leads to it.
	p.Go(s.url + "/traces")
	p.Type("[name=order]", thisTrace+"\r")
	p.Until("location.pathname === '/traces/" + thisTrace + "'")
}

// An order that failed and succeeded in the end did not fail; one whose message was given up did, whatever its spans say.
func TestTracesAreListedWithTheirOutcome(t *testing.T) {
	s := newStage(t)
	s.record("plain")
	s.record("flaky")
	loop := s.record("crash-loop").traces[0].id
	p := s.open("/traces")
	p.Until("document.querySelectorAll('.trace-list li').length === 4") // with the act that redrove
	p.Until("[...document.querySelectorAll('.trace-list .tag')].map(tag => tag.textContent).sort().join() === 'retried,✗ failed'")
	p.Until("[...document.querySelectorAll('.trace-tags')].map(t => t.textContent.trim()).sort().join('|') === '|confirmed|confirmed retried|created ✗ failed'")
	p.UntilText(", 3 attempts")
	p.Until("document.querySelectorAll('.times-dot').length === 4")
	p.Until("[...document.querySelectorAll('#services option')].map(o => o.value).join() === 'clew,inventory,order'")
	p.Go(s.url + "/traces?error=1")
	p.Until("document.querySelectorAll('.trace-list li').length === 1")
	p.Until(fmt.Sprintf("document.querySelector('.trace-list a').pathname === '/traces/%s'", loop))
	p.Click(".trace-list a")
	p.UntilText("killed its process before +")
}

func TestTheListDoesNotJumpWhileSomebodyReads(t *testing.T) {
	s := newStage(t)
	p := s.open("/traces")
	p.UntilText("No traces yet")
	s.sendMore("order", span(1, 0, "first", 0, 10))
	p.Until("document.querySelectorAll('.trace-list li').length === 1")
	s.sendMore("order", span(2, 0, "second", 100, 110, inTrace(2)))
	p.Until("document.querySelector('.more')?.textContent.trim() === '1 new'")
	if diff := cmp.Diff([]string{"first 1 span"}, p.Texts(".trace-name")); diff != "" {
		t.Errorf("traces (-want +got):\n%s", diff)
	}
	p.Click(".more")
	p.Until("document.querySelectorAll('.trace-list li').length === 2 && !document.querySelector('.more')")
	has(t, p.Texts(".trace-list li:first-child .trace-name"), "second 1 span")
}
