package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"

	"example.com/clew/standalone/internal/state"
)

// statusCmd shows what runs.
type statusCmd struct {
	JSON bool `help:"Print JSON. When nothing runs, it has an empty mode and no processes."`
}

// Run prints the state without the token. When nothing runs, it returns the
// *state.NotRunningError, whose exit status is 3.
func (c *statusCmd) Run() error {
	running, err := state.Load(state.Dir())
	var nothing *state.NotRunningError
	if err != nil && !errors.As(err, &nothing) {
		return err
	}
	running.Token = ""
	if c.JSON {
		if running.Processes == nil {
			running.Processes = []state.Process{}
		}
		return errors.Join(err, printJSON(running))
	}
	if err != nil {
		return err
	}
	return printProcesses(os.Stdout, running.Processes)
}

func printProcesses(w io.Writer, processes []state.Process) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tPID\tSTATE\tRESTARTS\tADMIN")
	for _, p := range processes {
		pid, admin := "-", "-"
		if p.PID != nil {
			pid = strconv.Itoa(*p.PID)
		}
		if p.Admin != "" {
			admin = p.Admin
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", p.Name, pid, p.State, p.Restarts, admin)
	}
	return table.Flush()
}
