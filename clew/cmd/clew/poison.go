package main

import (
	"context"
	"os"

	"example.com/clew/clew/internal/poison"
	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
	"example.com/clew/services/messaging"
)

// fixCmd and breakCmd turn the switch of the SKU test-poison.
type (
	fixCmd struct {
		Poison fixPoisonCmd `cmd:"" help:"From now on test-poison succeeds."`
	}
	breakCmd struct {
		Poison breakPoisonCmd `cmd:"" help:"From now on test-poison fails, as at first."`
	}
	fixPoisonCmd   struct{}
	breakPoisonCmd struct{}
)

// Run lets test-poison succeed.
func (*fixPoisonCmd) Run(ctx context.Context) error {
	if err := turnPoison(ctx, true); err != nil {
		return err
	}
	terminal.Printf(os.Stdout, "test-poison succeeds from now on; `clew dlq redrive --all` tries again what failed\n")
	return nil
}

// Run lets test-poison fail.
func (*breakPoisonCmd) Run(ctx context.Context) error {
	if err := turnPoison(ctx, false); err != nil {
		return err
	}
	terminal.Printf(os.Stdout, "test-poison fails from now on, until `clew fix poison`\n")
	return nil
}

// turnPoison turns the switch in the Redis of what runs here.
func turnPoison(ctx context.Context, fixed bool) error {
	running, err := state.Load(state.Dir())
	if err != nil {
		return err
	}
	client, err := messaging.Connect(running.Redis)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	if fixed {
		return poison.Fix(ctx, client)
	}
	return poison.Break(ctx, client)
}
