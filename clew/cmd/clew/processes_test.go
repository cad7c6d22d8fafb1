package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/clew/clew/processtest"
	"example.com/clew/clew/state"
)

// ask asks the viewer as the page does, and returns the status and the body. A request with POST has the token.
func (c *clew) ask(method, path, token string) (status int, body string) {
	c.t.Helper()
	request, err := http.NewRequest(method, c.state().Addresses.Viewer+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	request.Close = true
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// act does what the page may do with the token.
func (c *clew) act(path string) {
	c.t.Helper()
	if status, body := c.ask(http.MethodPost, path, c.state().Token); status >= 300 {
		c.t.Fatalf("POST %s: %d %s", path, status, body)
	}
}

// refuses fails the test unless the viewer refuses an act in one line.
func (c *clew) refuses(path, token string, want int, says string) {
	c.t.Helper()
	status, body := c.ask(http.MethodPost, path, token)
	var problem struct{ Detail string }
	if err := json.Unmarshal([]byte(body), &problem); err != nil || status != want ||
		!strings.Contains(problem.Detail, says) || strings.Contains(problem.Detail, "\n") {
		c.t.Errorf("POST %s: %d %s, want %d and one line that says %q", path, status, body, want, says)
	}
}

func is(what string) func(state.Process) bool {
	return func(p state.Process) bool { return p.State == what }
}

func TestAProcessIsPausedContinuedAndKilled(t *testing.T) {
	c := newClew(t)
	c.want(0, up)
	for _, name := range []string{"redis", "order-1", "inventory-1"} { // Redis first: the others don't need it to be continued
		c.act("/api/processes/" + name + "/pause")
		c.process(name, is(state.Paused))
		c.want(0, status, "paused")
		if status, body := c.ask(http.MethodGet, "/api/processes", ""); status != http.StatusOK || !strings.Contains(body, `"paused"`) {
			t.Errorf("%d %s", status, body)
		}
		c.want(0, up, "Clew runs here already")
		c.act("/api/processes/" + name + "/continue")
		c.process(name, is(state.Running))
	}
	c.act("/api/processes/inventory-1/kill")
	c.process("inventory-1", func(p state.Process) bool { return p.State == state.Running && p.Restarts == 1 })
	c.want(0, []string{"logs", "clew"}, "kill inventory-1, as asked")
}

func TestTheCommandActsOnProcesses(t *testing.T) {
	c := newClew(t)
	c.want(0, up)
	process := func(args ...string) []string { return append([]string{"process"}, args...) }
	c.want(0, process("pause", "inventory-1", "--for", "100ms"), "paused for 100ms")
	c.process("inventory-1", is(state.Running)) // by itself
	c.want(0, process("pause", "order-1"), "clew process continue order-1")
	c.want(1, process("kill", "nobody"), "expected one of redis, order-1, inventory-1")
	c.want(1, process("pause", "order-1"), "order-1 is paused, expected running")
	c.want(0, process("continue", "order-1"))
	c.want(1, process("pause", "order-1", "--for=-1s"), "expected a duration above 0")
	c.process("order-1", is(state.Running))
	c.want(0, process("kill", "order-1"), "was killed")
	c.process("order-1", func(p state.Process) bool { return p.State == state.Running && p.Restarts == 1 })
	c.want(0, process("add"), "inventory-2 is being started")
	c.process("inventory-2", is(state.Running))
	c.want(0, process("remove", "inventory-2"))
	c.want(1, process("remove", "inventory-1"), "was started by `clew up`")
}

// Several students on one machine: each has a block of ports. An address that is set stays where it is.
func TestPortsFromABaseOn(t *testing.T) {
	c := newClew(t, "ORDER_ADDR=", "VIEWER_ADDR=", "OTLP_HTTP_ADDR=", "CLEW_PORT_BASE=19870")
	c.want(0, up)
	at := c.state().Addresses
	if at.Viewer != "http://127.0.0.1:19870" || at.Order != "http://127.0.0.1:19871" || at.OTLPHTTP != "http://127.0.0.1:19876" ||
		strings.HasSuffix(at.Inventory, ":19872") {
		t.Errorf("%+v", at)
	}
	for _, base := range []string{"80", "65529", "x"} {
		newClew(t, "CLEW_PORT_BASE="+base).want(1, up, "CLEW_PORT_BASE")
	}
}

func TestDownEndsWhatIsPaused(t *testing.T) {
	c := newClew(t)
	c.want(0, up)
	c.act("/api/processes")
	c.process("inventory-2", is(state.Running))
	for _, name := range []string{"redis", "order-1", "inventory-1", "inventory-2"} {
		c.act("/api/processes/" + name + "/pause")
	}
	running, pids := c.state(), c.pids()
	c.want(0, []string{"logs", "order"}, "started")
	c.want(0, down)
	c.nothingIsLeft(running, pids...)
	for _, name := range []string{"order-1", "inventory-1", "inventory-2"} {
		c.want(0, []string{"logs", name}, "asked to stop")
	}
}

func TestAReplicaComesAndGoes(t *testing.T) {
	c := newClew(t)
	c.want(0, up)
	c.act("/api/processes")
	added := c.process("inventory-2", is(state.Running))
	c.want(0, status, "inventory-2")
	token := c.state().Token
	c.refuses("/api/processes/inventory-1/remove", token, http.StatusConflict, "inventory-1 was started by `clew up`")
	c.act("/api/processes/inventory-2/remove")
	processtest.Gone(t, *added.PID)
	processtest.Eventually(t, "nobody knows of it", func() error {
		gone := !slices.ContainsFunc(c.state().Processes, func(p state.Process) bool { return p.Name == "inventory-2" })
		return processtest.Unless(gone, "%+v", c.state().Processes)
	})
	processtest.Eventually(t, "the next has its name", func() error {
		status, body := c.ask(http.MethodPost, "/api/processes", token)
		return processtest.Unless(status == http.StatusOK && body == `{"name":"inventory-2"}`, "%d %s", status, body)
	})
	for n := 3; n <= 16; n++ {
		c.act("/api/processes")
	}
	c.refuses("/api/processes", token, http.StatusConflict, "inventory has 16 replicas, which is the most: remove one first")
}

func TestThePageMayNotDoWhatMakesNoSense(t *testing.T) {
	c := newClew(t)
	c.want(0, up)
	token := c.state().Token
	for _, path := range []string{"", "/order-1/pause", "/order-1/continue", "/order-1/kill", "/order-1/remove"} {
		for _, wrong := range []string{"", "wrong"} {
			c.refuses("/api/processes"+path, wrong, http.StatusUnauthorized, "open the address that `clew up` prints")
		}
	}
	c.refuses("/api/poison/fix", "", http.StatusUnauthorized, "open the address that `clew up` prints")
	c.refuses("/api/processes/order-1/continue", token, http.StatusConflict, "order-1 is running, expected paused")
	c.refuses("/api/processes/order-9/pause", token, http.StatusNotFound, `no process "order-9": expected one of redis, order-1, inventory-1`)
	c.refuses("/api/processes/order-1/dance", token, http.StatusNotFound, "expected pause, continue, kill or remove")
	c.refuses("/api/processes/redis/remove", token, http.StatusConflict, "only replicas that were started from the page")
	for _, p := range c.state().Processes {
		if p.State != state.Running || p.Restarts != 0 {
			t.Errorf("something was done: %+v", p)
		}
	}
}

func TestPoisonIsTurnedByThePageAsByTheCommand(t *testing.T) {
	c := newClew(t)
	c.want(0, up)
	want := func(fixed bool) {
		t.Helper()
		if status, body := c.ask(http.MethodGet, "/api/poison", ""); status != http.StatusOK || body != fmt.Sprintf(`{"fixed":%t}`, fixed) {
			t.Errorf("%d %s, want fixed: %t", status, body, fixed)
		}
	}
	want(false)
	c.act("/api/poison/fix")
	want(true)
	c.want(0, []string{"break", "poison"})
	want(false)
	c.want(0, []string{"fix", "poison"})
	want(true)
	c.act("/api/poison/break")
	want(false)
}
