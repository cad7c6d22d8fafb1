package browsertest

import (
	"strings"
	"testing"

	"example.com/clew/observability/viewer/page/pagetest"
)

func TestAlertsPutWhatFiresFirst(t *testing.T) {
	rule := func(name, state string, alerts ...object) object {
		return object{"type": "alerting", "name": name, "state": state, "query": "up == 0", "duration": 60,
			"labels": object{"severity": "page"}, "alerts": append([]object{}, alerts...),
			"annotations": object{"summary": "{{ $value }} is wrong", "runbook": "/public/runbooks/" + name + ".md", "dashboard": "/d/clew-streams"}}
	}
	s := newStage(t)
	s.set("/api/v1/rules", object{"status": "success", "data": object{"groups": []object{
		{"name": "calm", "rules": []object{rule("Quiet", "inactive")}},
		{"name": "busy", "rules": []object{rule("Also", "inactive"), rule("Loud", "firing", object{"state": "firing", "value": "3",
			"activeAt": "2026-11-21T15:00:00Z", "labels": object{"job": "order"}, "annotations": object{"summary": "3 are wrong"}})}},
	}}})
	p := s.open("/alerts")
	p.UntilText("3 are wrong")
	if got := strings.Join(p.Texts("[data-alert] h3"), " "); got != "Loud Also Quiet" {
		t.Errorf("rules %s, want what fires first", got)
	}
	p.UntilText("job=order")
	p.Until("document.querySelector('[data-alert=Loud] a[href=\"/d/clew-streams\"]')")
	p.Click("[data-alert=Loud] a")
	p.Until("location.pathname === '/runbooks/Loud' && document.querySelector('.runbook h1')")
	pagetest.Eval[bool](p, "window.loadedOnce = true")
	p.Click(".runbook a")
	p.Until("location.pathname === '/runbooks/Quiet' && document.querySelector('.runbook h1').textContent === 'Quiet' && loadedOnce")
}
