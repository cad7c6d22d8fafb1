// Package processtest helps tests that start and kill real processes.
package processtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Eventually asks until there is no error, and fails the test with the last one
// after a minute.
func Eventually(t *testing.T, what string, ask func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if err = ask(); err == nil {
			return
		}
	}
	t.Fatalf("after a minute, not yet: %s: %v", what, err)
}

// Unless is an answer for Eventually: an error that says what there is instead,
// unless the condition holds.
func Unless(holds bool, format string, args ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// Gone fails the test if one of the processes still lives after 20 s.
func Gone(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		Eventually(t, "process "+strconv.Itoa(pid)+" is gone", func() error { return Unless(!Alive(pid), "it lives") })
	}
}

// Alive reports whether a process lives. A zombie does not: in a container
// nobody may collect it, and signal 0 still finds it. But as long as it has
// other threads than its first, they hold what the process held.
func Alive(pid int) bool {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return syscall.Kill(pid, 0) == nil // no /proc: not Linux
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	// pid (name) state …, where the name may hold anything.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) > 0 && string(fields[0]) != "Z" {
		return true
	}
	threads, _ := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
	return len(threads) > 1
}
