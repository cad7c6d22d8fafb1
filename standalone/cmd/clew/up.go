package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"example.com/clew/standalone/internal/stack"
	"example.com/clew/standalone/internal/state"
)

// upCmd starts everything.
type upCmd struct {
	Detach            bool `short:"d" help:"Return when everything is ready; it runs until clew down."`
	InventoryReplicas int  `default:"1" placeholder:"N" help:"How many processes share inventory's work, 1 to 16 (${default})."`
}

// Validate checks what the flags' types can't.
func (c *upCmd) Validate() error {
	if c.InventoryReplicas < 1 || c.InventoryReplicas > 16 {
		return fmt.Errorf("--inventory-replicas is %d, expected 1 to 16", c.InventoryReplicas)
	}
	return nil
}

// Run blocks until ctx ends, or, detached, until everything is ready.
func (c *upCmd) Run(ctx context.Context) error {
	if err := state.RefuseContainers(state.Dir()); err != nil {
		return err
	}
	config, err := stack.ConfigFromEnv(ctx)
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
	say := func(line string) { fmt.Println(time.Now().Format(time.TimeOnly), line) }
	report := reportToParent()
	err = stack.Up(ctx, config, clew, say, func(running state.State) {
		printRunning(os.Stdout, running)
		report(nil)
	})
	report(err)
	return err
}

// printRunning says what listens where, and what to do next.
func printRunning(w io.Writer, s state.State) {
	lines := [][2]string{
		{"the page", s.Addresses.Viewer + "/#token=" + s.Token},
		{"order API", s.Addresses.Order},
		{"inventory API", s.Addresses.Inventory},
		{"OTLP", s.Addresses.OTLPGRPC + " (gRPC), " + s.Addresses.OTLPHTTP + " (HTTP)"},
		{"Redis", s.Redis.URL},
	}
	for _, p := range s.Processes {
		if p.Admin != "" {
			lines = append(lines, [2]string{p.Name + " admin", p.Admin})
		}
	}
	fmt.Fprint(w, "\nClew is ready.\n\n")
	for _, line := range lines {
		fmt.Fprintf(w, "  %-18s %s\n", line[0], line[1])
	}
	fmt.Fprint(w, `
  clew order         places an order and prints its trace
  clew status        shows the processes
  clew down          stops everything

`)
}
