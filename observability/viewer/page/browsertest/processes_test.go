package browsertest

import (
	"net/http"
	"testing"

	"example.com/clew/observability/viewer/page/pagetest"
)

func processes(state string) object {
	process := func(name, state, admin string, removable bool) object {
		return object{"name": name, "pid": 4711, "state": state, "since": "2026-11-21T15:00:00Z", "restarts": 2, "admin": admin, "removable": removable}
	}
	return list(process("redis", "running", "", false), process("inventory-1", state, "http://127.0.0.1:9081", false),
		process("inventory-2", "running", "http://127.0.0.1:21000", true))
}

// newClassroom is a stage with processes, as clew up serves it.
func newClassroom(t *testing.T) *stage {
	s := newStage(t)
	s.set("/api/processes", processes("running"))
	s.set("/api/poison", object{"fixed": false})
	for _, path := range []string{"/inventory-1/pause", "/inventory-1/continue", "/inventory-2/kill", "/inventory-2/remove", ""} {
		s.set("POST /api/processes"+path, object{})
	}
	s.set("POST /api/poison/fix", object{})
	s.set("POST /api/poison/break", object{})
	return s
}

func TestTheSwitchesAreTurnedAndUndone(t *testing.T) {
	s := newClassroom(t)
	p := s.open("/processes#token=secret")
	turned := func(button, path string) {
		t.Helper()
		p.Click("[aria-label='" + button + "']:enabled")
		if sent := s.sent(); sent.path != "/api/processes"+path || sent.header.Get("Authorization") != "Bearer secret" {
			t.Errorf("%s posts to %s with %q", button, sent.path, sent.header.Get("Authorization"))
		}
	}
	turned("Pause inventory-1", "/inventory-1/pause")
	s.set("/api/processes", processes("paused"))
	p.Until("document.querySelector('nav a[href=\"/processes\"]').textContent === 'Processes 1'")
	turned("Continue inventory-1", "/inventory-1/continue")
	turned("Kill inventory-2", "/inventory-2/kill")
	turned("Remove inventory-2", "/inventory-2/remove")
	if pagetest.Eval[bool](p, "!!document.querySelector('[aria-label=\"Remove inventory-1\"]')") {
		t.Error("one that was not added can be removed")
	}
	p.Press("Start another replica")
	if sent := s.sent(); sent.path != "/api/processes" {
		t.Errorf("posted to %s", sent.path)
	}
	p.UntilText("test-poison broken")
	s.set("/api/poison", object{"fixed": true})
	p.Press("Fix poison")
	if sent := s.sent(); sent.path != "/api/poison/fix" {
		t.Errorf("posted to %s", sent.path)
	}
	p.UntilText("test-poison fixed")
	p.Press("Break poison")
	s.sent()
}

func TestASwitchThatIsRefusedSaysWhy(t *testing.T) {
	s := newClassroom(t)
	s.set("POST /api/processes/inventory-1/pause", http.StatusConflict)
	s.set("/api/poison", http.StatusServiceUnavailable) // while Redis is paused
	p := s.open("/processes#token=secret")
	p.UntilText("/api/poison answers 503")
	p.Click("[aria-label='Pause inventory-1']:enabled")
	p.UntilText("POST /api/processes/inventory-1/pause answers 409")
}

func TestWithoutATokenSwitchesSayWhatToDo(t *testing.T) {
	s := newClassroom(t)
	p := s.open("/processes")
	p.Click("[aria-label='Kill inventory-2']")
	p.UntilText("Open the address that clew up prints")
	if len(s.posted) > 0 {
		t.Error("it was tried all the same")
	}
}

func TestProcessesFitANarrowScreen(t *testing.T) {
	s := newClassroom(t)
	p := s.openAs("/processes", pagetest.Look{Width: 390})
	p.Until("document.querySelector('[data-process=inventory-2]')")
	p.Fits()
}

func TestWithoutASupervisorThereAreNoProcesses(t *testing.T) {
	s := newStage(t)
	p := s.open("/processes")
	p.UntilText("No processes here")
	if pagetest.Eval[bool](p, "!!document.querySelector('nav a[href=\"/processes\"]')") {
		t.Error("the navigation leads to processes")
	}
}
