package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"example.com/clew/clew/processtest"
	"example.com/clew/clew/state"
)

// asClewVariable makes this test binary the program clew. Its services are the
// real ones, or, where a test wants to see how they are treated, the stand-ins
// below; all are real processes.
const asClewVariable = "CLEW_TEST_AS_CLEW"

const withStandIns, withServices = "stand-ins", "services"

func TestMain(m *testing.M) {
	switch os.Getenv(asClewVariable) {
	case withStandIns:
		os.Exit(run(os.Args[1:], serviceMains{"order": standIn, "inventory": standIn}))
	case withServices:
		os.Exit(run(os.Args[1:], services()))
	}
	goleak.VerifyTestMain(m)
}

// standIn is a service that answers with its environment. STAND_IN=broken ends
// it at once, STAND_IN=unready keeps it from getting ready, and what STAND_IN_SAYS holds is in its log.
func standIn([]string) int {
	fmt.Println(os.Getenv("STAND_IN_SAYS"))
	if os.Getenv("STAND_IN") == "broken" {
		fmt.Println("the database is not one")
		return 1
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGINT, syscall.SIGTERM)
	http.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if os.Getenv("STAND_IN") == "unready" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	http.HandleFunc("/environment", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(os.Environ())
	})
	go func() { fmt.Println(http.ListenAndServe(os.Getenv("ADMIN_ADDR"), nil)) }()
	fmt.Println("started")
	fmt.Println("asked to stop with", <-asked)
	return 0
}

// clew is a Clew in a folder of its own, on free ports.
type clew struct {
	t   *testing.T
	dir string
	env []string
}

func newClew(t *testing.T, env ...string) *clew {
	c := &clew{t: t, dir: filepath.Join(t.TempDir(), "state")}
	// Without the last, a process of the race detector takes 1 s to end.
	c.env = append(os.Environ(), asClewVariable+"="+withStandIns, "CLEW_DIR="+c.dir, "GORACE=atexit_sleep_ms=0")
	for _, variable := range []string{
		"ORDER_ADDR", "ORDER_ADMIN_ADDR", "INVENTORY_ADDR", "INVENTORY_ADMIN_ADDR",
		"VIEWER_ADDR", "OTLP_GRPC_ADDR", "OTLP_HTTP_ADDR", "LOADTEST_ADDR",
	} {
		c.env = append(c.env, variable+"=127.0.0.1:0")
	}
	c.env = append(c.env, env...)
	t.Cleanup(func() {
		if c.owner() == 0 {
			return
		}
		if t.Failed() {
			t.Logf("what ran, and its last lines:\n%s\n%s", c.run("status").stdout, c.run("logs").stdout)
		}
		c.run("down")
	})
	return c
}

// result is what a command did.
type result struct {
	stdout, stderr string
	status         int
}

func (c *clew) command(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = c.env
	return cmd
}

func (c *clew) run(args ...string) result {
	c.t.Helper()
	cmd := c.command(args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// want runs a command and fails the test unless it exits with the status and
// prints all the parts.
func (c *clew) want(status int, args []string, parts ...string) result {
	c.t.Helper()
	r := c.run(args...)
	if r.status != status {
		c.t.Fatalf("clew %s exits with %d, want %d\n%s%s", strings.Join(args, " "), r.status, status, r.stdout, r.stderr)
	}
	for _, part := range parts {
		if !strings.Contains(r.stdout+r.stderr, part) {
			c.t.Errorf("clew %s does not say %q:\n%s%s", strings.Join(args, " "), part, r.stdout, r.stderr)
		}
	}
	return r
}

func (c *clew) state() state.State {
	c.t.Helper()
	s, err := state.Load(c.dir)
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// process waits until the named process satisfies the condition.
func (c *clew) process(name string, condition func(state.Process) bool) state.Process {
	c.t.Helper()
	var p state.Process
	processtest.Eventually(c.t, name+" is as wanted", func() error {
		all := c.state().Processes
		i := slices.IndexFunc(all, func(p state.Process) bool { return p.Name == name })
		if i < 0 {
			return fmt.Errorf("there is none: %+v", all)
		}
		p = all[i]
		return processtest.Unless(condition(p), "it is %+v", p)
	})
	return p
}

func (c *clew) owner() int {
	c.t.Helper()
	pid, err := state.Owner(c.dir)
	if err != nil {
		c.t.Fatal(err)
	}
	return pid
}

// pids are the supervisor and its children.
func (c *clew) pids() []int {
	c.t.Helper()
	pids := []int{c.owner()}
	for _, p := range c.state().Processes {
		pids = append(pids, *p.PID)
	}
	return pids
}

// nothingIsLeft fails the test if a process lives, or something listens.
func (c *clew) nothingIsLeft(of state.State, pids ...int) {
	c.t.Helper()
	processtest.Gone(c.t, pids...)
	if owner := c.owner(); owner != 0 {
		c.t.Errorf("the process %d still holds the lock", owner)
	}
	for _, url := range urls(of) {
		processtest.Eventually(c.t, "nothing listens on "+url, func() error { return processtest.Unless(!listens(url), "something does") })
	}
}
