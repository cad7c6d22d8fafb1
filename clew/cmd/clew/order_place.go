package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/orderapi"
	"example.com/clew/clew/state"
	"example.com/clew/services/contracts"
)

// An order that pends for longer than this is looked for among the dead letters, each time that it has passed.
const doubtAfter = 500 * time.Millisecond

// deadLettered is the status that the command gives to an order that will stay pending until its message is redriven.
const deadLettered = "dead-lettered"

// placed is an order and what the command saw of it.
type placed struct {
	orderapi.Order
	Milliseconds float64 `json:"milliseconds"`          // accepted to finished, as seen from here
	Trace        string  `json:"trace"`                 // where it can be read
	DeadLetter   string  `json:"dead_letter,omitempty"` // its id, if the order is dead-lettered
}

// place places one order and waits until it is finished or dead-lettered.
func (c *orderCmd) place(ctx context.Context, running state.State) (placed, error) {
	request := orderapi.Request{CustomerID: c.Customer, Baggage: c.baggage(), Unsampled: 100*rand.Float64() >= c.Sample}
	for _, sku := range c.SKU {
		request.Items = append(request.Items, orderapi.Item{SKU: sku, Quantity: c.Quantity, UnitPriceCents: c.Price})
	}
	api := orderapi.New(running.Addresses.Order)
	accepted, err := api.Place(ctx, request)
	if err != nil {
		return placed{}, err
	}
	p := placed{Order: accepted, Trace: running.TraceURL(accepted.TraceID)}
	if c.NoWait {
		return p, nil
	}
	started := time.Now()
	p.Order, p.DeadLetter, err = await(ctx, api, accepted)
	p.Unsampled = accepted.Unsampled
	p.Milliseconds = float64(time.Since(started).Microseconds()) / 1000
	return p, err
}

// baggage tells the services how to treat this order, and is empty if there is nothing to tell.
func (c *orderCmd) baggage() string {
	var members []string
	if c.Propagation == "off" {
		members = append(members, "clew.propagation=off")
	}
	if c.Relation == "link" {
		members = append(members, "clew.relation=link")
	}
	if c.Tier != "" {
		members = append(members, "customer.tier="+c.Tier)
	}
	return strings.Join(members, ",")
}

// await blocks until an order is finished, or one of its messages is a dead letter, whose id it returns. A Redis that is away
// says nothing about the order.
func await(ctx context.Context, api *orderapi.Client, accepted orderapi.Order) (orderapi.Order, string, error) {
	for {
		doubt, cancel := context.WithTimeout(ctx, doubtAfter)
		order, err := api.Await(doubt, accepted.ID)
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return order, "", err
		}
		letter, err := deadLetterOf(ctx, accepted.ID)
		if err == nil && letter.ID != "" {
			accepted.Status, accepted.Reason = deadLettered, letter.Reason
			return accepted, letter.ID, nil
		}
	}
}

// deadLetterOf returns the dead letter that an order waits for, or an empty one.
func deadLetterOf(ctx context.Context, order string) (deadLetter, error) {
	admin, done, err := newAdmin(nil)
	if err != nil {
		return deadLetter{}, err
	}
	defer done()
	all, err := deadLetters(ctx, admin)
	i := slices.IndexFunc(all, func(d deadLetter) bool {
		return d.Subject == order && slices.Contains(serviceNames[:], d.Group) // a listener's does not stop the order
	})
	if i < 0 {
		return deadLetter{}, err
	}
	return all[i], err
}

// printOrders prints a line an order and returns the one that took longest.
func printOrders(w io.Writer, orders []placed) placed {
	slowest := orders[0]
	for _, o := range orders {
		end := o.Status
		if o.Reason != "" {
			end += " (" + o.Reason + ")"
		}
		terminal.Printf(w, "order %s %s after %.1f ms\n", o.ID, end, o.Milliseconds)
		if o.Milliseconds > slowest.Milliseconds {
			slowest = o
		}
	}
	if len(orders) > 1 {
		terminal.Printf(w, "the slowest is %s\n", slowest.ID)
	}
	if slowest.Unsampled {
		terminal.Printf(w, "\nIts trace %s was not sampled: no span is kept.\n"+
			"`clew logs` and the metrics still tell of it. OTEL_TRACES_SAMPLER decides which\nrequests are sampled.\n", slowest.TraceID)
		return slowest
	}
	terminal.Printf(w, "%s\n\n", slowest.Trace)
	return slowest
}

// printWayOn says what can be done about an order's dead letter.
func (c *orderCmd) printWayOn(w io.Writer, deadLetter string) {
	redrive := "clew dlq redrive " + deadLetter
	if slices.Contains(c.SKU, contracts.TestPoison) {
		redrive = "clew fix poison && " + redrive
	}
	terminal.Printf(w, "\nThe order stays pending, because a service gave one of its messages up.\n"+
		"  clew dlq show %s\n      says why\n  %s\n      tries again\n", deadLetter, redrive)
}
