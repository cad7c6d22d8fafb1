package state

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/services/messaging"
)

// holdVariable makes this test binary hold the lock of a folder until its
// standard input ends.
const holdVariable = "STATE_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdVariable); dir != "" {
		_, err := Acquire(dir)
		fmt.Println(err)
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// hold has another process hold the lock and returns its pid and what ends it.
func hold(t *testing.T, dir string) (pid int, end func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), holdVariable+"="+dir)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	t.Cleanup(end)
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "<nil>\n" {
		t.Fatalf("the other process could not take the lock: %s", line)
	}
	return cmd.Process.Pid, end
}

func TestTheLockNamesItsHolderAndEndsWithIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if pid, err := Owner(dir); pid != 0 || err != nil {
		t.Errorf("Owner of nothing: %d, %v, want 0", pid, err)
	}
	pid, kill := hold(t, dir)
	if got, err := Owner(dir); got != pid || err != nil {
		t.Errorf("Owner: %d, %v, want %d", got, err, pid)
	}
	var running *AlreadyRunningError
	if _, err := Acquire(dir); !errors.As(err, &running) || running.PID != pid {
		t.Errorf("Acquire: %v, want that %d runs", err, pid)
	}
	kill()
	if got, err := Owner(dir); got != 0 || err != nil {
		t.Errorf("Owner after kill -9: %d, %v, want 0", got, err)
	}
	lock, err := Acquire(dir)
	if err != nil {
		t.Fatalf("Acquire after kill -9: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Error(err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	pid := 4711
	written := State{
		Mode: Standalone, Partitions: 1, Token: "secret",
		Redis:     messaging.Redis{URL: "redis://127.0.0.1:20000/0"},
		Addresses: Addresses{Order: "http://127.0.0.1:8080"},
		Processes: []Process{{Name: "redis", PID: &pid, State: Running, Restarts: 2}, {Name: "order-1", State: Restarting}},
	}
	var nothing *NotRunningError
	if _, err := Load(dir); !errors.As(err, &nothing) || !strings.Contains(err.Error(), "no "+dir+"/status.json") {
		t.Errorf("Load without a file: %v", err)
	}
	if err := Save(dir, written); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); !errors.As(err, &nothing) {
		t.Errorf("Load of what a dead supervisor left: %v, want that nothing runs", err)
	}
	hold(t, dir)
	got, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(written, got); diff != "" {
		t.Errorf("Load differs from what was saved (-saved +loaded):\n%s", diff)
	}
}

func TestInAContainerTheStateIsInAVariable(t *testing.T) {
	t.Setenv("CLEW_STATUS", `{"mode": "compose", "redis": {"url": "redis://redis:6379/0"}}`)
	got, err := Load(t.TempDir())
	if diff := cmp.Diff(State{Mode: Compose, Redis: messaging.Redis{URL: "redis://redis:6379/0"}}, got); diff != "" || err != nil {
		t.Errorf("error %v, (-want +got):\n%s", err, diff)
	}
	if err := RefuseContainers(t.TempDir()); err == nil || !strings.Contains(err.Error(), "make down") {
		t.Errorf("%v, want it said how containers are stopped", err)
	}
	t.Setenv("CLEW_STATUS", "{")
	if _, err := Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "CLEW_STATUS") {
		t.Errorf("%v, want the variable named", err)
	}
}

func TestTraceURL(t *testing.T) {
	const id = "0af7651916cd43dd8448eb211c80319c"
	there := Addresses{Viewer: "http://127.0.0.1:3000", Traces: "http://127.0.0.1:3200"}
	for mode, want := range map[string]string{ // as loadtest/internal/target prints them, too
		Standalone: "http://127.0.0.1:3000/traces/" + id,
		Compose:    "http://127.0.0.1:3000/d/trace?var-id=" + id,
	} {
		got := State{Mode: mode, Addresses: there}.TraceURL(id)
		if got != want || len(got) > 80 {
			t.Errorf("%s: %s of %d columns, want %s in 80 at most", mode, got, len(got), want)
		}
	}
}

func TestSaveKeepsTheTokenFromOthers(t *testing.T) {
	dir := t.TempDir()
	if err := Save(dir, State{Token: "secret"}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path(dir))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("status.json has the mode %v, want 0600", info.Mode())
	}
}

func TestDir(t *testing.T) {
	t.Setenv("CLEW_DIR", "")
	if got := Dir(); got != ".clew" {
		t.Errorf("Dir: %q, want .clew", got)
	}
	t.Setenv("CLEW_DIR", "/elsewhere")
	if got := Dir(); got != "/elsewhere" {
		t.Errorf("Dir: %q, want what CLEW_DIR says", got)
	}
}
