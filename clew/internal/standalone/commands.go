package standalone

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ownCommands runs this program's commands for the page, at the Clew that shows it. It implements page.Terminal.
type ownCommands struct {
	running context.Context // ends when Clew does
	program string
	dir     string // the folder for the state
}

// maxOutput is how many bytes of what a command printed are shown.
const maxOutput = 64 << 10

var (
	// A command that a shell would not change. What is in capitals stands for something else.
	plainCommand = regexp.MustCompile(`^clew( [a-z0-9=.,:/-]+)+$`)

	// Commands that stop what runs, or go on until somebody ends them.
	unfit   = []string{"up", "down", "reset", "service", "listen"}
	endless = []string{"-f", "--follow"}
)

// Runs implements page.Terminal.
func (ownCommands) Runs(command string) bool {
	if !plainCommand.MatchString(command) {
		return false
	}
	args := strings.Fields(command)[1:]
	return !slices.Contains(unfit, args[0]) && !slices.ContainsFunc(args, func(arg string) bool { return slices.Contains(endless, arg) })
}

// Run implements page.Terminal.
func (o ownCommands) Run(ctx context.Context, command string) (output string, status int, err error) {
	if !o.Runs(command) {
		return "", 0, fmt.Errorf("the page does not run `%s`", command)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(o.running, cancel)()
	printed := &limited{left: maxOutput}
	run := exec.CommandContext(ctx, o.program, strings.Fields(command)[1:]...)
	run.Env = append(os.Environ(), "CLEW_DIR="+o.dir, "NO_COLOR=1", "COLUMNS=80")
	run.Stdout, run.Stderr = printed, printed // one writer: nothing is written at the same time
	run.Cancel = func() error { return run.Process.Signal(syscall.SIGTERM) }
	run.WaitDelay = 2 * time.Second // then it is killed
	err = run.Run()
	if run.ProcessState != nil { // it ran: how it ended is its status, -1 if it was stopped
		err = nil
	}
	return printed.text.String(), run.ProcessState.ExitCode(), err
}

// limited keeps the first bytes that are written to it.
type limited struct {
	text bytes.Buffer
	left int
	cut  bool
}

func (l *limited) Write(p []byte) (int, error) {
	kept := p[:min(len(p), l.left)]
	l.left -= len(kept)
	l.text.Write(kept)
	if len(kept) < len(p) && !l.cut {
		l.cut = true
		fmt.Fprintf(&l.text, "\n… only the first %d KiB are shown\n", maxOutput>>10)
	}
	return len(p), nil
}
