// Command clew runs Clew on one machine without Docker, and is the client of a
// Clew that runs. Each command is one file.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"example.com/clew/clew/internal/terminal"
)

// The exit statuses. A command that needs a running Clew and finds none exits
// with 3 (state.NotRunningError).
const (
	exitFailed = 1
	exitUsage  = 2
)

// commands are the command line.
type commands struct {
	Up     upCmd     `cmd:"" help:"Start everything and keep it running."`
	Down   downCmd   `cmd:"" help:"Stop everything that runs here."`
	Reset  resetCmd  `cmd:"" help:"Delete the data, when nothing runs."`
	Status statusCmd `cmd:"" help:"Show the running processes. Exits with 3 if there are none."`
	Logs   logsCmd   `cmd:"" help:"Print the end of the logs."`
	Order  orderCmd  `cmd:"" help:"Place an order, wait until it is finished and print its trace."`
	Trace  traceCmd  `cmd:"" help:"Print a trace."`
	Listen listenCmd `cmd:"" help:"Print events as they come, as a consumer group of its own."`

	Streams streamsCmd `cmd:"" help:"Show the streams and their consumer groups."`
	DLQ     dlqCmd     `cmd:"" name:"dlq" help:"Look at dead letters, redrive or discard them."`
	Outbox  outboxCmd  `cmd:"" help:"Publish again events that Redis lost."`
	Fix     fixCmd     `cmd:"" help:"Repair the fault of a test SKU."`
	Break   breakCmd   `cmd:"" help:"Undo fix."`
	Process processCmd `cmd:"" help:"Pause, kill or add a process."`
	Lesson  lessonCmd  `cmd:"" help:"List the lessons in docs/lessons, or check whether one was done."`

	Service serviceCmd `cmd:"" hidden:"" help:"Run a service in this process: what up starts."`
}

func main() {
	os.Exit(run(os.Args[1:], services()))
}

// run runs one command and returns the exit status.
func run(args []string, services serviceMains) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// A second ctrl-C ends the process at once, and with it all it started.
	context.AfterFunc(ctx, stop)

	parser, err := kong.New(&commands{},
		kong.Name("clew"),
		kong.Description("Follow one order, as one trace, through Redis Streams and back."),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(services),
	)
	if err != nil {
		panic(err) // the commands above are wrong
	}
	switch { // as other tools have it
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "help":
		args = append(slices.Clone(args[1:]), "--help")
	}
	command, err := parser.Parse(args)
	if err != nil {
		terminal.Error(os.Stderr, "clew: error", err)
		return exitUsage
	}
	return exitStatus(command.Run())
}

// exitStatus reports an error and returns the status it asks for.
func exitStatus(err error) int {
	if err == nil {
		return 0
	}
	if err.Error() != "" {
		terminal.Error(os.Stderr, "clew", err)
	}
	var status kong.ExitCoder
	if errors.As(err, &status) {
		return status.ExitCode()
	}
	return exitFailed
}
