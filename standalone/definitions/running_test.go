package definitions_test

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/clew/standalone/internal/state"
)

// running is a Clew of real processes, in a folder of its own and on free ports.
type running struct {
	t      *testing.T
	dir    string
	binary string
	env    []string
	state.State
}

// startClew starts Clew until the end of the test.
func startClew(t *testing.T, env ...string) *running {
	t.Helper()
	dir := t.TempDir()
	r := &running{t: t, dir: filepath.Join(dir, "state"), binary: filepath.Join(dir, "clew")}
	r.env = append(os.Environ(), "CLEW_DIR="+r.dir)
	if out, err := exec.Command("go", "build", "-o", r.binary, "../cmd/clew").CombinedOutput(); err != nil {
		t.Fatalf("build clew: %v\n%s", err, out)
	}
	for _, variable := range []string{
		"ORDER_ADDR", "ORDER_ADMIN_ADDR", "INVENTORY_ADDR", "INVENTORY_ADMIN_ADDR",
		"VIEWER_ADDR", "OTLP_GRPC_ADDR", "OTLP_HTTP_ADDR",
	} {
		r.env = append(r.env, variable+"=127.0.0.1:0")
	}
	r.env = append(r.env, "LOADTEST_ADDR="+freeAddr(t))
	r.env = append(r.env, env...)
	t.Cleanup(func() { r.clew("down") })
	r.clew("up", "--detach")
	var err error
	if r.State, err = state.Load(r.dir); err != nil {
		t.Fatal(err)
	}
	return r
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

// loadtest runs a load test, and returns its exit code and what it prints.
func (r *running) loadtest(args ...string) (code int, output string) {
	r.t.Helper()
	binary := filepath.Join(filepath.Dir(r.binary), "loadtest")
	if _, err := os.Stat(binary); err != nil {
		if out, err := exec.Command("go", "build", "-o", binary, "../../loadtest/cmd/loadtest").CombinedOutput(); err != nil {
			r.t.Fatalf("build loadtest: %v\n%s", err, out)
		}
	}
	command := exec.Command(binary, append([]string{"run"}, args...)...)
	command.Env = r.env
	out, err := command.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		r.t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), strings.ReplaceAll(string(out), "\u00a0", " ") // which groups digits
}

// clew runs a command, which must succeed, and returns what it prints.
func (r *running) clew(args ...string) string {
	r.t.Helper()
	command := exec.Command(r.binary, args...)
	command.Env = r.env
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		r.t.Fatalf("clew %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// orders places orders of a SKU and waits until each is finished or dead-lettered.
func (r *running) orders(sku, count string) {
	r.t.Helper()
	var orders []json.RawMessage
	if err := json.Unmarshal([]byte(r.clew("order", "--json", "--sku", sku, "--count", count)), &orders); err != nil {
		r.t.Fatal(err)
	}
}
