package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
)

// processCmd does to the processes of `clew up` what the page's Processes does.
type processCmd struct {
	Pause    pauseCmd    `cmd:"" help:"Stop a process as SIGSTOP does: it keeps all that it has, and does nothing."`
	Continue continueCmd `cmd:"" help:"Let a paused process go on."`
	Kill     killCmd     `cmd:"" help:"End a process as kill -9 does. Clew starts it again."`
	Add      addCmd      `cmd:"" help:"Start one more replica of inventory."`
	Remove   removeCmd   `cmd:"" help:"Stop a replica that was added."`
}

type (
	pauseCmd struct {
		named
		For time.Duration `placeholder:"3s" help:"Let it go on by itself after this time."`
	}
	continueCmd struct{ named }
	killCmd     struct{ named }
	addCmd      struct{}
	removeCmd   struct{ named }
	named       struct {
		Name string `arg:"" help:"As clew status shows it: redis, order-1, inventory-1."`
	}
)

// Run pauses a process.
func (c *pauseCmd) Run(ctx context.Context) error {
	act, told := "pause", "paused until `clew process continue "+c.Name+"`"
	if c.For != 0 {
		act, told = "pause?for="+url.QueryEscape(c.For.String()), "paused for "+c.For.String()
	}
	return c.act(ctx, act, told)
}

// Run continues a process.
func (c *continueCmd) Run(ctx context.Context) error { return c.act(ctx, "continue", "goes on") }

// Run kills a process.
func (c *killCmd) Run(ctx context.Context) error {
	return c.act(ctx, "kill", "was killed, and is started again")
}

// Run removes a replica.
func (c *removeCmd) Run(ctx context.Context) error { return c.act(ctx, "remove", "is being removed") }

// Run adds a replica.
func (c *addCmd) Run(ctx context.Context) error {
	body, err := askSupervisor(ctx, "")
	if err != nil {
		return err
	}
	var added struct{ Name string }
	if err := json.Unmarshal(body, &added); err != nil {
		return fmt.Errorf("add a replica: %w", err)
	}
	return terminal.Printf(os.Stdout, "%s is being started\n", added.Name)
}

func (c named) act(ctx context.Context, act, told string) error {
	if _, err := askSupervisor(ctx, "/"+url.PathEscape(c.Name)+"/"+act); err != nil {
		return err
	}
	return terminal.Printf(os.Stdout, "%s %s\n", c.Name, told)
}

// askSupervisor asks the process of `clew up`, the parent of the others, through the page's API.
func askSupervisor(ctx context.Context, path string) ([]byte, error) {
	running, err := state.Load(state.Dir())
	if err != nil {
		return nil, err
	}
	if running.Mode != state.Standalone {
		return nil, errors.New("the processes are containers here: `docker compose pause`, `unpause`, `kill` and `up --scale` do it")
	}
	status, body, err := post(ctx, running.Addresses.Viewer+"/api/processes"+path, running.Token)
	if err != nil || strings.HasPrefix(status, "2") {
		return body, err
	}
	var problem struct{ Detail string }
	if json.Unmarshal(body, &problem) != nil || problem.Detail == "" {
		return nil, fmt.Errorf("%s answered %s", running.Addresses.Viewer, status)
	}
	return nil, errors.New(problem.Detail)
}
