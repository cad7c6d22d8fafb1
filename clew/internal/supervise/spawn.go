package supervise

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
)

// start asks the spawner to start a command.
type start struct {
	cmd    *exec.Cmd
	result chan<- error
}

// spawner starts every process, on one thread that lives as long as the
// supervisor: on Linux the kernel kills a child when the *thread* that started
// it ends, and Go ends threads as it likes. So it never unlocks its thread.
func (s *Supervisor) spawner() {
	defer close(s.spawned)
	runtime.LockOSThread()
	for start := range s.starts {
		start.result <- start.cmd.Start()
	}
}

func (s *Supervisor) spawn(c Child, log *os.File) (*exec.Cmd, error) {
	attributes := dieWithParent()
	attributes.Setpgid = true
	cmd := &exec.Cmd{
		Path:        c.Args[0],
		Args:        c.Args,
		Env:         append(slices.Clip(c.Env), lifelineVariable+"=3"),
		Dir:         c.Dir,
		Stdout:      log,
		Stderr:      log,
		ExtraFiles:  []*os.File{s.lifeline.read}, // becomes descriptor 3
		SysProcAttr: attributes,
	}
	result := make(chan error)
	s.starts <- start{cmd, result}
	return cmd, <-result
}
