// Package events handles the events of the stream orders: it reserves stock for new orders and releases that of cancelled
// ones.
package events

import (
	"context"

	"example.com/clew/services/contracts"
	"example.com/clew/services/inventory/internal/stock"
	"example.com/clew/services/inventory/internal/store"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/inbox"
	"example.com/clew/services/messaging/outbox"
)

// Handlers handle the events of orders. These may arrive in any order: a cancellation may overtake its creation.
type Handlers struct {
	OrderCreated   func(context.Context, contracts.OrderCreated, messaging.Message) error
	OrderCancelled func(context.Context, contracts.OrderCancelled, messaging.Message) error
}

// New returns the handlers.
func New(in *store.Inbox, s *store.Store) Handlers {
	k := keeper{s}
	return Handlers{inbox.Once(in, k.reserve), inbox.Once(in, k.release)}
}

type keeper struct{ store *store.Store }

// reserve reserves all units of the order or none, and creates the event that says so.
func (k keeper) reserve(ctx context.Context, tx *store.Tx, e contracts.OrderCreated) error {
	lines := make([]stock.Line, len(e.Items))
	for i, item := range e.Items {
		lines[i] = stock.Line{SKU: item.SKU, Quantity: item.Quantity}
	}
	needs := stock.Sum(lines)
	items, err := k.store.Lock(ctx, tx.DB, needs)
	if err != nil {
		return err
	}
	reservation := stock.Decide(e.OrderID, needs, items)
	first, err := k.store.Insert(ctx, tx, reservation)
	if err != nil || !first {
		return err
	}
	return outbox.Create(ctx, tx, decided(reservation))
}

// release releases the units reserved for the order, and creates an event if there were any.
func (k keeper) release(ctx context.Context, tx *store.Tx, e contracts.OrderCancelled) error {
	lines, err := k.store.Cancel(ctx, tx, e.OrderID)
	if err != nil || len(lines) == 0 {
		return err
	}
	return outbox.Create(ctx, tx, contracts.StockReleased{OrderID: e.OrderID, Items: quantities(lines)})
}

func decided(r stock.Reservation) messaging.Event[contracts.Stock] {
	if r.State == stock.Rejected {
		return contracts.StockRejected{OrderID: r.OrderID, Reason: r.Reason}
	}
	return contracts.StockReserved{OrderID: r.OrderID, Items: quantities(r.Lines)}
}

func quantities(lines []stock.Line) []contracts.Quantity {
	quantities := make([]contracts.Quantity, len(lines))
	for i, line := range lines {
		quantities[i] = contracts.Quantity(line)
	}
	return quantities
}
