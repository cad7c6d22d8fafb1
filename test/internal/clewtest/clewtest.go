// Package clewtest starts a Clew of real processes for tests, and puts load on it.
package clewtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/clew/clew/processtest"
	"example.com/clew/clew/state"
)

// Binaries is the folder of the programs clew and loadtest.
type Binaries string

// Build builds both into a folder.
func Build(folder string) (Binaries, error) {
	build := exec.Command("go", "build", "-o", folder+"/",
		"example.com/clew/clew/cmd/clew", "example.com/clew/loadtest/cmd/loadtest")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build clew and loadtest: %w\n%s", err, out)
	}
	return Binaries(folder), nil
}

// BuildAndRun builds both for as long as run takes, and returns what that does: the exit code of a package's tests.
func BuildAndRun(binaries *Binaries, run func() int) int {
	folder, err := os.MkdirTemp("", "clewtest")
	if err == nil {
		defer func() { _ = os.RemoveAll(folder) }()
		*binaries, err = Build(folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return run()
}

// Clew runs in a folder of its own and on free ports, until the end of the test.
type Clew struct {
	Dir string
	Env []string // of its commands
	state.State

	t        *testing.T
	binaries Binaries
}

// Start starts one, and returns when it is ready.
func (b Binaries) Start(t *testing.T, env ...string) *Clew {
	t.Helper()
	c := &Clew{t: t, binaries: b, Dir: filepath.Join(t.TempDir(), "state")}
	c.Env = append(os.Environ(), "CLEW_DIR="+c.Dir, "LOADTEST_ADDR="+freeAddr(t))
	for _, variable := range []string{
		"ORDER_ADDR", "ORDER_ADMIN_ADDR", "INVENTORY_ADDR", "INVENTORY_ADMIN_ADDR",
		"VIEWER_ADDR", "OTLP_GRPC_ADDR", "OTLP_HTTP_ADDR",
	} {
		c.Env = append(c.Env, variable+"=127.0.0.1:0")
	}
	c.Env = append(c.Env, env...)
	t.Cleanup(func() {
		if owner, err := state.Owner(c.Dir); err != nil || owner != 0 { // a test may have ended it
			c.Run("down")
		}
	})
	c.Run("up", "--detach")
	var err error
	if c.State, err = state.Load(c.Dir); err != nil {
		t.Fatal(err)
	}
	return c
}

// freeAddr is an address of loopback on which nothing listens.
func freeAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// Command is one of clew's.
func (c *Clew) Command(args ...string) *exec.Cmd { return c.command("clew", args) }

// Loadtest is one of loadtest's.
func (c *Clew) Loadtest(args ...string) *exec.Cmd { return c.command("loadtest", args) }

func (c *Clew) command(name string, args []string) *exec.Cmd {
	command := exec.Command(filepath.Join(string(c.binaries), name), args...)
	command.Env = c.Env
	return command
}

// Run runs a command of clew, which must succeed, and returns what it prints.
func (c *Clew) Run(args ...string) string {
	c.t.Helper()
	command := c.Command(args...)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		c.t.Fatalf("clew %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// Load runs a load test, and returns its exit code and what it prints.
func (c *Clew) Load(args ...string) (code int, output string) {
	c.t.Helper()
	command := c.Loadtest(append([]string{"run"}, args...)...)
	out, err := command.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), strings.ReplaceAll(string(out), "\u00a0", " ") // which groups digits
}

// Process returns what is known of a process that runs; it waits if it is being started again.
func (c *Clew) Process(name string) (found state.Process) {
	c.t.Helper()
	processtest.Eventually(c.t, name+" runs", func() error {
		now, err := state.Load(c.Dir)
		if err != nil {
			c.t.Fatal(err)
		}
		i := slices.IndexFunc(now.Processes, func(p state.Process) bool { return p.Name == name })
		found = now.Processes[i]
		return processtest.Unless(found.State == state.Running && found.PID != nil, "it is %+v", found)
	})
	return found
}
