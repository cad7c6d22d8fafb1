// Package processtest helps tests that start and kill real processes.
package processtest

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Eventually asks until the condition holds, and fails the test if it does
// not within a minute.
func Eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute, not yet: %s", what)
		}
	}
}

// Gone fails the test if one of the processes still lives after 20 s.
func Gone(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		Eventually(t, "process "+strconv.Itoa(pid)+" is gone", func() bool { return !Alive(pid) })
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
