package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
)

// finishWithin is how long an order may take before the command gives it up. Five deliveries that each kill a process
// take half of it.
const finishWithin = 60 * time.Second

// orderCmd places orders and shows what became of them.
type orderCmd struct {
	SKU      []string `help:"What to order: lamp, mug, …, load-001 to load-200; see GET /stock. Repeat it for more lines." default:"lamp"`
	Quantity int64    `help:"Units of each line." default:"1"`
	Price    int64    `help:"Price of a unit, in cents." default:"1999"`
	Customer string   `help:"The customer's id." default:"clew"`
	Count    int      `help:"How many orders to place, at the same time." default:"1"`
	Tier     string   `help:"The customer's: standard, premium or trial. It is on every span." enum:",standard,premium,trial" default:""`

	Propagation string `help:"off leaves the trace context out of this order's messages (on)." enum:"on,off" default:"on"`
	Relation    string `help:"link makes processing traces of their own that link back (parent)." enum:"parent,link" default:"parent"`

	Sample float64 `help:"Percent of the orders of which a trace is kept, as if a caller chose them (100)." default:"100"`

	NoWait     bool `help:"Return as soon as the orders are accepted."`
	Statements bool `help:"Show each database statement in the trace."`
	JSON       bool `help:"Print JSON: a list of orders with their times and traces."`
}

// Run places the orders, waits until each is confirmed, rejected or dead-lettered, and prints the trace of the slowest.
// It is an error if one is none of these within 60 s. A dead letter is no error: it is what was asked for, or can be
// redriven.
func (c *orderCmd) Run(ctx context.Context) error {
	running, err := state.Load(state.Dir())
	if err != nil {
		return err
	}
	if c.Count < 1 {
		return fmt.Errorf("--count is %d, expected 1 or more", c.Count)
	}
	if !(c.Sample >= 0 && c.Sample <= 100) {
		return fmt.Errorf("--sample is %v, expected a percentage from 0 to 100", c.Sample)
	}
	ctx, cancel := context.WithTimeout(ctx, finishWithin)
	defer cancel()
	orders := make([]placed, c.Count)
	placing, placingCtx := errgroup.WithContext(ctx)
	placing.SetLimit(16) // as many as the services work on at once
	for i := range orders {
		placing.Go(func() (err error) {
			orders[i], err = c.place(placingCtx, running)
			return err
		})
	}
	err = placing.Wait()
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("an order was not finished within %s; `clew logs` may say why: %w", finishWithin, err)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return terminal.JSON(os.Stdout, orders)
	}
	if c.NoWait {
		return terminal.Printf(os.Stdout, "%d orders are accepted; the first is %s\n", len(orders), orders[0].ID)
	}
	slowest := printOrders(os.Stdout, orders)
	if !slowest.Unsampled {
		if err := printTraces(ctx, os.Stdout, running, slowest, c.Statements); err != nil {
			return err
		}
	}
	if slowest.DeadLetter != "" {
		c.printWayOn(os.Stdout, slowest.DeadLetter)
	}
	return nil
}
