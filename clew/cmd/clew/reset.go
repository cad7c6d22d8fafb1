package main

import (
	"errors"
	"fmt"
	"os"

	"example.com/clew/clew/internal/standalone"
	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
)

// resetCmd deletes what earlier starts left.
type resetCmd struct{}

// Run deletes databases, metrics, Redis's data, logs and the token, and nothing that Clew has not made. It stops
// nothing: where Clew runs, it refuses.
func (*resetCmd) Run() error {
	dir := state.Dir()
	if err := state.RefuseContainers(dir); err != nil {
		return err
	}
	deleted, err := standalone.Reset(dir)
	for _, path := range deleted {
		terminal.Printf(os.Stdout, "deleted %s\n", path)
	}
	if running := (*state.AlreadyRunningError)(nil); errors.As(err, &running) {
		return fmt.Errorf("refused while Clew is running here (pid %d): stop it first with `clew down`", running.PID)
	}
	if err == nil && len(deleted) == 0 {
		terminal.Printf(os.Stdout, "nothing to delete in %s\n", dir)
	}
	return err
}
