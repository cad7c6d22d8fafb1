package browsertest

import (
	"fmt"
	"strings"
	"testing"

	"example.com/clew/observability/viewer/page/pagetest"
)

// Names that would turn the text around them, or hold what a terminal obeys when they are copied there, are spelled out.

const turned, spelled = "a\u202egpj\u009b2J", `a\u202egpj\u009b2J`

func TestTheLagChartSpellsOutWhatIsInvisible(t *testing.T) {
	s := newStage(t)
	shown := infos(0, 1)
	shown["items"].([]any)[0].(object)["groups"].([]object)[0]["name"] = turned
	s.set("/api/streams", shown)
	p := s.open("/streams")
	p.Until("document.querySelectorAll('.lag-chart canvas').length === 2 && document.querySelector('.lag-chart .hint i')")
	for _, legend := range p.Texts(".lag-chart p.hint") {
		if !strings.Contains(legend, "→ "+spelled) {
			t.Errorf("the legend %q, want %s", legend, spelled)
		}
	}
	nothingTurns(t, p)
}

func TestDifferencesSpellOutWhatIsInvisible(t *testing.T) {
	s := newStage(t)
	s.send(turned, span(1, 0, turned, 0, 100))
	other := s.record("plain").traces[0].id
	p := s.open(fmt.Sprintf("/compare?a=1&b=%s", other))
	p.Until("document.querySelectorAll('.differences tr').length > 10")
	has(t, p.Texts(".differences tr"), "Services"+spelled+"inventory, order")
	nothingTurns(t, p)
}

func nothingTurns(t *testing.T, p *pagetest.Tab) {
	t.Helper()
	if pagetest.Eval[bool](p, `/[\u202e\u009b]/.test(document.body.innerText)`) {
		t.Error("the page shows text that turns what is around it")
	}
}
