// Command loadtest puts load on a running Clew, follows each order to its end, and prints a verdict.
package main

import (
	"context"
	"errors"
	"os"

	"github.com/alecthomas/kong"
	"github.com/redis/go-redis/v9/logging"

	"example.com/clew/loadtest/internal/load"
	"example.com/clew/loadtest/internal/terminal"
)

// The exit codes.
const (
	exitFailed    = 1 // a threshold does not hold, or a run has become worse
	exitUsage     = 2
	exitNotJudged = 3 // the target was or went away, the generator could not keep up, or a report could not be written
)

type commands struct {
	Run       runCmd       `cmd:"" help:"Put load on the system that runs here, and judge it."`
	Merge     mergeCmd     `cmd:"" help:"Make one verdict and one report of the results of all shards of a run."`
	Scenarios scenariosCmd `cmd:"" help:"List the scenarios, each with its lesson."`
	Compare   compareCmd   `cmd:"" help:"Compare two runs; exits with 1 if the second is worse."`
}

func main() {
	logging.Disable() // the errors say the same as the Redis client's log
	load.TuneRuntime()
	os.Exit(execute(os.Args[1:]))
}

// execute runs one command and returns the exit code.
func execute(args []string) int {
	parser, err := kong.New(&commands{},
		kong.Name("loadtest"),
		kong.Description("Throughput, lag and dead letters under load, with a verdict."),
		kong.BindTo(context.Background(), (*context.Context)(nil)),
	)
	if err != nil {
		panic(err) // the commands above are wrong
	}
	command, err := parser.Parse(args)
	if err != nil {
		terminal.Error(os.Stderr, err)
		return exitUsage
	}
	return exitCode(command.Run())
}

// exitCode prints an error, one line for each if there are several, and returns its code.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	terminal.Error(os.Stderr, err)
	var coded codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	return exitFailed
}

// codedError is an error with an exit code; one without text was printed already.
type codedError struct {
	error
	code int
}

func withCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return codedError{err, code}
}

// silent returns an error with a code and no text.
func silent(code int) error { return codedError{errors.New(""), code} }
