package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"example.com/clew/clew/internal/logs"
	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
)

// readyVariable holds the number of the descriptor on which a detached
// supervisor reports: the word ready, or why it is not. The end of the file
// without either means that it died.
const readyVariable = "CLEW_READY"

const ready = "ready"

// startDetached runs `clew up` in a session of its own, so that it outlives
// this terminal, and waits until it is ready.
func startDetached(ctx context.Context, dir, clew string, args ...string) error {
	path := logs.Path(dir, "clew")
	log, err := logs.Open(path)
	if err != nil {
		return err
	}
	defer log.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make the pipe on which clew reports: %w", err)
	}
	defer read.Close()

	supervisor := exec.Command(clew, args...)
	supervisor.Env = append(os.Environ(), readyVariable+"=3")
	supervisor.Stdout, supervisor.Stderr = log, log
	supervisor.ExtraFiles = []*os.File{write} // becomes descriptor 3
	supervisor.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	terminal.Printf(os.Stdout, "starting Clew, its log is %s\n", path)
	if err := errors.Join(supervisor.Start(), write.Close()); err != nil {
		return fmt.Errorf("start clew in the background: %w", err)
	}
	// A ctrl-C before everything is ready takes back what was started.
	interrupted := context.AfterFunc(ctx, func() { _ = supervisor.Process.Signal(syscall.SIGTERM) })
	defer interrupted()

	report, err := io.ReadAll(read)
	if err != nil {
		return fmt.Errorf("wait for clew: %w", err)
	}
	if ctx.Err() == nil && string(report) == ready {
		running, err := state.Load(dir)
		if err != nil {
			return err
		}
		printRunning(os.Stdout, "Clew is ready.", running)
		return nil
	}
	_ = supervisor.Wait() // it fails, as it should: the state says how
	if ctx.Err() != nil {
		return errors.New("interrupted: all that was started is stopped again")
	}
	if len(report) == 0 {
		return fmt.Errorf("clew ended before it was ready (%s): see %s", supervisor.ProcessState, path)
	}
	return errors.New(string(report))
}

// reportToParent returns what tells the `clew up --detach` that started this
// process how it went. Only the first call counts; without such a parent,
// none does.
func reportToParent() func(error) {
	fd, err := strconv.Atoi(os.Getenv(readyVariable))
	if err != nil {
		return func(error) {}
	}
	_ = os.Unsetenv(readyVariable)
	syscall.CloseOnExec(fd)
	parent := os.NewFile(uintptr(fd), "report")
	return func(err error) {
		report := ready
		if err != nil {
			report = err.Error()
		}
		_, _ = parent.WriteString(report)
		_ = parent.Close()
	}
}
