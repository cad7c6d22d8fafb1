package messaging_test

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"example.com/clew/services/messaging"
)

// In a container every start has the same pid: that of the first process, or of the init's only child. The names of
// consumers must differ all the same.
func TestIDsDifferWherePidsDoNot(t *testing.T) {
	if os.Getenv("PROCESS_ID") != "" {
		fmt.Print(messaging.ProcessID())
		os.Exit(0)
	}
	if id := messaging.ProcessID(); os.Getppid() > 1 && id != fmt.Sprint(os.Getpid()) {
		t.Errorf("outside a container the id is %s, want the pid", id)
	}
	self := os.Args[0] + " -test.run=^TestIDsDifferWherePidsDoNot$"
	for name, script := range map[string]string{"the first process": "exec " + self, "under an init": self + " & wait"} {
		t.Run(name, func(t *testing.T) {
			var ids [2]string
			for i := range ids {
				child := exec.CommandContext(t.Context(), "sh", "-c", script)
				child.Env = append(os.Environ(), "PROCESS_ID=1")
				child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
				if os.Geteuid() != 0 {
					child.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
				}
				output, err := child.Output()
				if os.IsPermission(err) && os.Getenv("CI") == "" {
					t.Skip("SKIPPED: this user may not make a process the first of a namespace")
				}
				if err != nil {
					t.Fatal(err)
				}
				ids[i] = string(output)
			}
			if ids[0] == ids[1] || len(ids[0]) < 10 {
				t.Errorf("two starts have the ids %q, want two times", ids)
			}
		})
	}
}
