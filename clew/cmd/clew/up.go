package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"example.com/clew/clew/internal/standalone"
	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
	"example.com/clew/services/messaging"
)

// upCmd starts everything.
type upCmd struct {
	Detach            bool `short:"d" help:"Return when everything is ready; it runs until clew down."`
	InventoryReplicas int  `default:"1" placeholder:"N" help:"How many processes share inventory's work, 1 to 16 (${default})."`
}

// Validate checks what the flags' types can't.
func (c *upCmd) Validate() error {
	if c.InventoryReplicas < 1 || c.InventoryReplicas > standalone.MaxReplicas {
		return fmt.Errorf("--inventory-replicas is %d, expected 1 to %d", c.InventoryReplicas, standalone.MaxReplicas)
	}
	return nil
}

// Run blocks until ctx ends, or, detached, until everything is ready. Where Clew runs already it prints what runs.
func (c *upCmd) Run(ctx context.Context) error {
	if err := state.RefuseContainers(state.Dir()); err != nil {
		return err
	}
	if running, err := alreadyUp(ctx, state.Dir()); running != nil || err != nil {
		return errors.Join(err, c.repeat(running))
	}
	config, err := standalone.ConfigFromEnv(ctx)
	if err != nil {
		return err
	}
	config.InventoryReplicas = c.InventoryReplicas
	clew, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if c.Detach {
		return startDetached(ctx, config.Dir, clew, "up", fmt.Sprintf("--inventory-replicas=%d", c.InventoryReplicas))
	}
	say := func(line string) { terminal.Printf(os.Stdout, "%s %s\n", time.Now().Format(time.TimeOnly), line) }
	report := reportToParent()
	err = standalone.Up(ctx, config, clew, say, func(running state.State) {
		printRunning(os.Stdout, "Clew is ready.", running)
		report(nil)
	})
	report(err)
	return err
}

// alreadyUp returns what runs here, or nil if nothing does. While somebody else starts it, alreadyUp waits until all is
// ready, for half a minute at most.
func alreadyUp(ctx context.Context, dir string) (*state.State, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		owner, err := state.Owner(dir)
		if err != nil || owner == 0 {
			return nil, err
		}
		running, err := state.Load(dir)
		if err == nil && allRun(running.Processes) && answers(ctx, running.Addresses.Viewer) {
			return &running, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("a Clew runs here (pid %d) and is not ready: `clew status` shows it, `clew down` stops it", owner)
		}
	}
}

// answers tells whether a server does. One that was killed a moment ago does not, and may seem to live: it ends thread by
// thread.
func answers(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, address, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil
}

// allRun tells whether one replica of each service is there, and all that is there is ready, or paused by the page.
func allRun(processes []state.Process) bool {
	inventory := slices.ContainsFunc(processes, func(p state.Process) bool { return p.Name == "inventory-1" }) // the last one
	return inventory && !slices.ContainsFunc(processes, func(p state.Process) bool {
		return p.State != state.Running && p.State != state.Paused
	})
}

// repeat prints what runs, if it is what was asked for.
func (c *upCmd) repeat(running *state.State) error {
	if running == nil {
		return nil
	}
	replicas := 0
	for _, p := range running.Processes {
		if strings.HasPrefix(p.Name, "inventory-") {
			replicas++
		}
	}
	if c.InventoryReplicas > 1 && c.InventoryReplicas != replicas {
		return fmt.Errorf("a Clew runs here already, and the number of inventory's replicas is %d: `clew down` first, to have %d",
			replicas, c.InventoryReplicas)
	}
	printRunning(os.Stdout, "Clew runs here already.", *running)
	return nil
}

// reach says which Redis it is.
func reach(r messaging.Redis) string {
	switch {
	case r.Master != "":
		return "the master " + r.Master + " of the sentinels " + strings.Join(r.Sentinels, ", ")
	case r.Cluster:
		return r.URL + ", a cluster"
	default:
		return r.URL
	}
}

// printRunning says what listens where, and what to do next.
func printRunning(w io.Writer, headline string, s state.State) {
	lines := [][2]string{
		{"the page", s.Addresses.Viewer + "/#token=" + s.Token},
		{"order API", s.Addresses.Order},
		{"inventory API", s.Addresses.Inventory},
		{"OTLP", s.Addresses.OTLPGRPC + " (gRPC), " + s.Addresses.OTLPHTTP + " (HTTP)"},
		{"Redis", reach(s.Redis.WithoutPasswords())},
	}
	for _, p := range s.Processes {
		if p.Admin != "" {
			lines = append(lines, [2]string{p.Name + " admin", p.Admin})
		}
	}
	terminal.Printf(w, "\n%s\n\n", headline)
	for _, line := range lines {
		terminal.Printf(w, "  %-18s %s\n", line[0], line[1])
	}
	terminal.Printf(w, `
  clew order         places an order and prints its trace
  clew status        shows the processes
  clew down          stops everything

`)
}
