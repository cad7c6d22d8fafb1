// Package messagingtest starts real Redis and Postgres servers for tests of code that is built on messaging.
package messagingtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout is how long a server may take to answer after its start.
const startTimeout = 10 * time.Second

// start starts a server that keeps everything in dir, and waits until it answers. stop, or the end of this process, sends it
// the signal and then removes dir. The server runs as owner, or as this process's user if that is nil.
func start(dir string, owner *syscall.Credential, signal string, answers func() error, command ...string) (stop func(), err error) {
	output, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }()
	// The shell ends the server when its input closes, which happens even if this process is killed. A process group of its
	// own protects it from a terminal's interrupt.
	server := exec.Command("sh", append([]string{"-c",
		`signal=$1 dir=$2; shift 2; "$@" & read _; kill -s "$signal" $!; wait; rm -rf "$dir"`, "sh", signal, dir}, command...)...)
	server.Dir, server.Stdout, server.Stderr = dir, output, output
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: owner}
	input, err := server.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, err
	}
	stop = sync.OnceFunc(func() {
		_ = input.Close()
		_ = server.Wait()
	})
	if err := poll(answers); err != nil {
		text, _ := os.ReadFile(output.Name())
		stop()
		return nil, fmt.Errorf("%s does not answer: %w\n%s", command[0], err, text)
	}
	return stop, nil
}

// require fails the test if there is an error. If a program is missing, it skips the test with a message instead, unless the
// variable CI is set.
func require(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") == "" {
		t.Skipf("SKIPPED: %v; `make test` installs it", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Eventually calls ask until it returns no error. After 10 s it fails the test with the last error.
func Eventually(t testing.TB, what string, ask func() error) {
	t.Helper()
	if err := poll(ask); err != nil {
		t.Fatalf("after %s still not: %s: %v", startTimeout, what, err)
	}
}

// poll calls ask until it returns no error. After startTimeout it returns the last error.
func poll(ask func() error) (err error) {
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if err = ask(); err == nil {
			return nil
		}
	}
	return err
}
