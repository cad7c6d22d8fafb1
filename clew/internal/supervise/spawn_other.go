//go:build !linux

package supervise

import "syscall"

// dieWithParent can promise nothing here: the lifeline does.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
