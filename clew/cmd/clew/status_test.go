package main

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"example.com/clew/clew/processtest"
	"example.com/clew/clew/state"
)

func TestStatus(t *testing.T) {
	c := newClew(t)
	c.want(0, up)
	table := c.want(0, status, "NAME", "RESTARTS", "redis", "order-1", "inventory-1", "running").stdout
	for line := range strings.Lines(table) {
		if len(strings.TrimRight(line, "\n")) > 80 {
			t.Errorf("wider than 80 columns: %s", line)
		}
	}
}

func TestStatusOfServicesWhoseRedisIsAway(t *testing.T) {
	c := newRealClew(t)
	redis(t, c.state(), "CLIENT PAUSE 8000", 1) // it answers nobody
	c.want(0, status, "degraded")
	processtest.Eventually(t, "Redis is back", func() error {
		said := c.want(0, status).stdout
		return processtest.Unless(!strings.Contains(said, "degraded"), "status says\n%s", said)
	})
}

func TestStatusAsJSON(t *testing.T) {
	c := newClew(t)
	decode := func(text string) (s state.State) {
		t.Helper()
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&s); err != nil {
			t.Fatalf("status --json: %v\n%s", err, text)
		}
		return s
	}
	nothing := c.want(3, []string{"status", "--json"})
	if s := decode(nothing.stdout); s.Mode != "" || !strings.Contains(nothing.stdout, `"processes": []`) {
		t.Errorf("when nothing runs: %s\nwant no mode and an empty list", nothing.stdout)
	}
	c.want(0, up)
	text := c.want(0, []string{"status", "--json"}).stdout
	s := decode(text)
	var names []string
	for _, p := range s.Processes {
		names = append(names, p.Name)
		if p.PID == nil || p.State != state.Running || (p.Admin == "") != (p.Name == "redis") {
			t.Errorf("process %+v", p)
		}
	}
	if slices.Sort(names); s.Mode != state.Standalone || s.Partitions != 1 || !slices.Equal(names, []string{"inventory-1", "order-1", "redis"}) {
		t.Errorf("status --json: %s", text)
	}
	if s.Token != "" || strings.Contains(text, c.state().Token) {
		t.Error("the token is printed")
	}
	if u, err := url.Parse(c.state().Redis.URL); err != nil || u.User == nil || strings.Contains(text, u.User.String()) {
		t.Errorf("Redis has no password, or it is printed: %v\n%s", err, text)
	}
}

func TestLogs(t *testing.T) {
	c := newClew(t)
	c.want(1, []string{"logs"}, "no log")
	c.want(0, up)
	c.want(0, []string{"logs", "inventory"}, "started\n")
	c.want(0, []string{"logs"}, "order-1     | started\n", "redis       | ", "clew        | ")
	c.want(1, []string{"logs", "nobody"}, "nobody", "inventory-1")

	cmd, lines := c.foreground("logs", "order", "--follow")
	waitFor(t, lines, "started")
	c.want(0, down)
	waitFor(t, lines, "asked to stop")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}

func TestUsageErrors(t *testing.T) {
	c := newClew(t)
	c.want(2, []string{"dance"}, "dance")
	c.want(0, []string{"--help"}, "up", "down", "status", "logs")
}
