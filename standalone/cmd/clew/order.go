package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/clew/standalone/internal/orderapi"
	"example.com/clew/standalone/internal/state"
	"example.com/clew/standalone/internal/traceapi"
)

// finishWithin is how long an order may take before the command gives it up.
const finishWithin = 30 * time.Second

// orderCmd places orders and shows what became of them.
type orderCmd struct {
	SKU        []string `help:"What to order: lamp, mug, …, load-001 to load-200; see GET /stock. Repeat it for more lines." default:"lamp"`
	Quantity   int64    `help:"Units of each line." default:"1"`
	Price      int64    `help:"Price of a unit, in cents." default:"1999"`
	Customer   string   `help:"The customer's id." default:"clew"`
	Count      int      `help:"How many orders to place, at the same time." default:"1"`
	Statements bool     `help:"Show each database statement in the trace."`
	JSON       bool     `help:"Print JSON: a list of orders with their times and traces."`
}

// placed is an order and what the command saw of it.
type placed struct {
	orderapi.Order
	Milliseconds float64 `json:"milliseconds"` // accepted to finished, as seen from here
	Trace        string  `json:"trace"`        // where it can be read
}

// Run places the orders, waits until each is confirmed or rejected, and prints the trace of the slowest. It is an
// error if one is not finished within 30 s.
func (c *orderCmd) Run(ctx context.Context) error {
	running, err := state.Load(state.Dir())
	if err != nil {
		return err
	}
	if c.Count < 1 {
		return fmt.Errorf("--count is %d, expected 1 or more", c.Count)
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
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(orders)
	}
	slowest := printOrders(os.Stdout, orders)
	return printTrace(ctx, os.Stdout, traceapi.New(running.Addresses.Viewer), slowest.TraceID, c.Statements)
}

// place places one order and waits until it is finished.
func (c *orderCmd) place(ctx context.Context, running state.State) (placed, error) {
	request := orderapi.Request{CustomerID: c.Customer}
	for _, sku := range c.SKU {
		request.Items = append(request.Items, orderapi.Item{SKU: sku, Quantity: c.Quantity, UnitPriceCents: c.Price})
	}
	api := orderapi.New(running.Addresses.Order)
	accepted, err := api.Place(ctx, request)
	if err != nil {
		return placed{}, err
	}
	started := time.Now()
	finished, err := api.Await(ctx, accepted.ID)
	return placed{
		Order:        finished,
		Milliseconds: float64(time.Since(started).Microseconds()) / 1000,
		Trace:        running.Addresses.Viewer + "/api/v2/traces/" + accepted.TraceID,
	}, err
}

// printOrders prints a line an order and returns the one that took longest.
func printOrders(w io.Writer, orders []placed) placed {
	slowest := orders[0]
	for _, o := range orders {
		reason := ""
		if o.Reason != "" {
			reason = " (" + o.Reason + ")"
		}
		fmt.Fprintf(w, "order %s %s%s after %.1f ms\n", o.ID, o.Status, reason, o.Milliseconds)
		if o.Milliseconds > slowest.Milliseconds {
			slowest = o
		}
	}
	if len(orders) > 1 {
		fmt.Fprintf(w, "the slowest is %s\n", slowest.ID)
	}
	fmt.Fprintf(w, "%s\n\n", slowest.Trace)
	return slowest
}
