package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
)

// statusCmd shows what runs.
type statusCmd struct {
	JSON bool `help:"Print JSON. When nothing runs, it has an empty mode and no processes."`
}

// Run prints the state without the token and passwords. When nothing runs, it returns the
// *state.NotRunningError, whose exit status is 3.
func (c *statusCmd) Run(ctx context.Context) error {
	running, err := state.Load(state.Dir())
	var nothing *state.NotRunningError
	if err != nil && !errors.As(err, &nothing) {
		return err
	}
	running.Token, running.Redis = "", running.Redis.WithoutPasswords()
	askProcesses(ctx, running.Processes)
	if c.JSON {
		if running.Processes == nil {
			running.Processes = []state.Process{}
		}
		return errors.Join(err, terminal.JSON(os.Stdout, running))
	}
	if err != nil {
		return err
	}
	return printProcesses(os.Stdout, running.Processes)
}

// askProcesses asks those that run whether they have what they use.
func askProcesses(ctx context.Context, processes []state.Process) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second) // one that is degraded knows it after 2 s
	defer cancel()
	var asking sync.WaitGroup
	for i := range processes {
		p := &processes[i]
		if p.State != state.Running || p.Admin == "" {
			continue
		}
		asking.Go(func() {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Admin+"/readyz", nil)
			if err != nil {
				return
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				return
			}
			defer func() { _ = response.Body.Close() }()
			var answer struct{ Status string }
			if json.NewDecoder(response.Body).Decode(&answer) == nil && answer.Status == state.Degraded {
				p.State = state.Degraded
			}
		})
	}
	asking.Wait()
}

func printProcesses(w io.Writer, processes []state.Process) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	terminal.Printf(table, "NAME\tPID\tSTATE\tRESTARTS\tADMIN\n")
	for _, p := range processes {
		pid, admin := "-", "-"
		if p.PID != nil {
			pid = strconv.Itoa(*p.PID)
		}
		if p.Admin != "" {
			admin = p.Admin
		}
		terminal.Printf(table, "%s\t%s\t%s\t%d\t%s\n", p.Name, pid, p.State, p.Restarts, admin)
	}
	return table.Flush()
}
