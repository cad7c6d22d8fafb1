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
		"/processes": "No processes here",
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

func TestTheNavigationCountsWhatNeedsSomebody(t *testing.T) {
	s := newStage(t)
	firing := object{"state": "firing", "labels": object{}, "annotations": object{}}
	s.set("/api/v1/alerts", object{"data": object{"alerts": []object{firing, firing, {"state": "pending"}}}})
	p := s.open("/traces")
	p.Until("document.querySelector('nav a[href=\"/alerts\"]').textContent === 'Alerts 2'")
	s.event("streams", infos(3, 0))
	p.Until("document.querySelector('nav a[href=\"/streams\"]').textContent === 'Streams 3'")
	s.event("streams", infos(0, 0))
	p.Until("document.querySelector('nav a[href=\"/streams\"]').textContent.trim() === 'Streams'")
}

func TestAnUnknownPageIsInsideThePage(t *testing.T) {
	s := newStage(t)
	p := s.open("/")
	pagetest.Eval[bool](p, "history.pushState(null, '', '/nowhere'); dispatchEvent(new Event('popstate'))")
	p.UntilText("There is no such page")
	p.Until("document.querySelector('main code').textContent === '/nowhere' && document.querySelector('nav a')")
}
