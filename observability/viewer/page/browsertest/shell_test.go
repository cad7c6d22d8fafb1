package browsertest

import (
	"testing"

	"example.com/clew/observability/viewer/page/pagetest"
)

func TestEachPageFitsANarrowScreen(t *testing.T) {
	s := newStage(t)
	s.set("/api/v1/rules", object{"status": "success", "data": object{"groups": []any{}}})
	p := s.openAs("/", pagetest.Look{Width: 390})
	for path, says := range map[string]string{
		"/": "Place one above", "/traces": "No traces yet", "/compare": "Choose the first", "/streams": "No streams yet",
		"/dashboards": "There are no dashboards", "/alerts": "No alerting rules", "/runbooks/Loud": "Listen", "/d/none": "there is no dashboard",
	} {
		t.Run(path, func(t *testing.T) {
			p := p.In(t)
			p.Go(s.url + path)
			p.UntilText(says)
			p.Fits()
			if pagetest.Eval[bool](p, "(nav => nav.scrollWidth > nav.clientWidth)(document.querySelector('.shell nav'))") {
				t.Error("the navigation does not fit")
			}
		})
	}
}
