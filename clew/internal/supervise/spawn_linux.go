package supervise

import "syscall"

// dieWithParent has the kernel kill a process when the thread that started it
// ends, which is when its process ends: see spawner.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
