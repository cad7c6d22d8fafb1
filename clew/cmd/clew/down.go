package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
)

// stopWithin is longer than a stop can take: twice 25 s for the children, who
// stop in two steps, and 5 s for the viewer.
const stopWithin = 60 * time.Second

// downCmd stops everything.
type downCmd struct{}

// Run blocks until the supervisor and everything it started are gone. Nothing
// to stop is no error.
func (*downCmd) Run(ctx context.Context) error {
	dir := state.Dir()
	if err := state.RefuseContainers(dir); err != nil {
		return err
	}
	pid, err := state.Owner(dir)
	if err != nil {
		return err
	}
	if pid == 0 {
		terminal.Printf(os.Stdout, "Clew is not running here: nothing to stop\n")
		return nil
	}
	// Asked again once the process is found, the lock proves that the pid was
	// not given to another process in between.
	supervisor, err := os.FindProcess(pid)
	if err != nil {
		return fmt.Errorf("find the process %d: %w", pid, err)
	}
	if still, err := state.Owner(dir); err != nil || still != pid {
		return errors.Join(err, errors.New("another command has just stopped or started Clew: try again"))
	}
	terminal.Printf(os.Stdout, "stopping Clew (pid %d)\n", pid)
	if err := supervisor.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the process %d: %w", pid, err)
	}
	late := time.After(stopWithin)
	for {
		owner, err := state.Owner(dir)
		if err != nil {
			return err
		}
		if owner != pid {
			terminal.Printf(os.Stdout, "stopped: the services, Redis and the viewer are gone, their data stays in %s\n", dir)
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("interrupted: Clew is still stopping")
		case <-late:
			return fmt.Errorf("the supervisor did not stop within %s: `kill -9 %d` ends it and all it started", stopWithin, pid)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
