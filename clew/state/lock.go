package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Lock is held by the supervisor as long as it lives. It is a POSIX record
// lock: the kernel frees it however the process ends, and names its holder,
// so that no stale pid in a file is ever trusted.
type Lock struct{ file *os.File }

// AlreadyRunningError says which process holds the lock.
type AlreadyRunningError struct{ PID int }

func (e *AlreadyRunningError) Error() string {
	return fmt.Sprintf("Clew is already running here (pid %d): `clew status` shows it, `clew down` stops it", e.PID)
}

// dying is how long a supervisor that was killed may hold the lock after it
// seems to be gone: its last thread ends a while after the first.
const dying = 500 * time.Millisecond

// Acquire makes the folder if it is missing and takes its lock, or returns an
// *AlreadyRunningError after half a second.
//
// A process must not call Owner or Load while it holds the lock: with POSIX
// locks, closing any descriptor of the file frees it.
func Acquire(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for Clew's state: %w", err)
	}
	file, err := os.OpenFile(lockPath(dir), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	whole := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	for deadline := time.Now().Add(dying); ; time.Sleep(10 * time.Millisecond) {
		err = syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &whole)
		if err == nil || time.Now().After(deadline) {
			break
		}
	}
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		pid, ownerErr := holder(file)
		return nil, errors.Join(ownerErr, file.Close(), &AlreadyRunningError{pid})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", lockPath(dir), err), file.Close())
	}
	return &Lock{file}, nil
}

// Lost tells whether the lock's file is gone from the folder, or is another one: then no command finds its holder any more,
// and another supervisor may take the folder.
func (l *Lock) Lost() bool {
	mine, err := l.file.Stat()
	if err != nil {
		return false // it cannot be told
	}
	there, err := os.Stat(l.file.Name())
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(mine, there)
}

// Release frees the lock.
func (l *Lock) Release() error { return l.file.Close() }

// Known reports whether a supervisor has ever used the folder.
func Known(dir string) bool {
	info, err := os.Lstat(lockPath(dir))
	return err == nil && info.Mode().IsRegular()
}

// Owner is the pid of the living supervisor, or 0 if there is none.
func Owner(dir string) (int, error) {
	file, err := os.OpenFile(lockPath(dir), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("open the lock: %w", err)
	}
	pid, err := holder(file)
	return pid, errors.Join(err, file.Close())
}

func holder(file *os.File) (int, error) {
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_GETLK, &lock); err != nil {
		return 0, fmt.Errorf("ask who holds %s: %w", file.Name(), err)
	}
	if lock.Type == syscall.F_UNLCK {
		return 0, nil
	}
	if lock.Pid <= 0 {
		return 0, fmt.Errorf("%s is held outside this container: run the command where Clew was started", file.Name())
	}
	return int(lock.Pid), nil
}

func lockPath(dir string) string { return filepath.Join(dir, "lock") }
