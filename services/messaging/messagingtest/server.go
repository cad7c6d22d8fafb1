// Package messagingtest helps to test what is built on messaging, against a real Redis, and what keeps its outbox in a
// database, against each database.
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

// startTimeout is how long a server may take until it answers.
const startTimeout = 10 * time.Second

// start starts a server that keeps everything in dir, and waits until it answers. The signal, a name, makes it end,
// which happens with stop or with this process, however it ends; dir is removed then. The server runs as owner, or as
// this process does if that is nil.
func start(dir string, owner *syscall.Credential, signal string, answers func() error, command ...string) (stop func(), err error) {
	output, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }()
	// The shell ends the server when its input closes, and that happens even if this process is killed. The group of its
	// own keeps a terminal's interrupt from it.
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

// require fails the test for an error. If the error is that a program is missing, the test is skipped with a message
// instead, unless the variable CI is set.
func require(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") == "" {
		t.Skipf("SKIPPED: %v; `make test` installs it", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Eventually asks until there is no error, and fails the test with the last one after 10 s.
func Eventually(t testing.TB, what string, ask func() error) {
	t.Helper()
	if err := poll(ask); err != nil {
		t.Fatalf("after %s still not: %s: %v", startTimeout, what, err)
	}
}

// poll asks until there is no error, and returns the last one after a while.
func poll(ask func() error) (err error) {
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if err = ask(); err == nil {
			return nil
		}
	}
	return err
}
