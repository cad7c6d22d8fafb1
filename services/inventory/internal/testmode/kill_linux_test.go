package testmode_test

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"example.com/clew/services/inventory/internal/testmode"
)

// In the process that the test starts it kills that process, even if it is the first of a container, to whom its own signals
// do nothing.
func TestKill(t *testing.T) {
	if os.Getenv("TESTMODE_KILL") != "" {
		t.Fatal(testmode.Kill())
	}
	firstOfAll := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if os.Geteuid() != 0 {
		firstOfAll.Cloneflags |= syscall.CLONE_NEWUSER
	}
	for name, test := range map[string]struct {
		kind *syscall.SysProcAttr
		exit int // -1: ended by a signal
	}{"one of many": {nil, -1}, "the first": {firstOfAll, 137}} {
		t.Run(name, func(t *testing.T) {
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill$") //nolint:gosec // itself
			child.Env, child.SysProcAttr = append(os.Environ(), "TESTMODE_KILL=1"), test.kind
			output, err := child.CombinedOutput()
			if errors.Is(err, os.ErrPermission) && os.Getenv("CI") == "" {
				t.Skip("SKIPPED: this user may not make a process the first of a namespace")
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != test.exit || len(output) > 0 {
				t.Errorf("%v: %s; want it ended with %d, without a word", err, output, test.exit)
			}
		})
	}
}
