// Package events handles the events of the stream stock: it confirms or rejects orders by inventory's answers.
package events

import (
	"context"
	"log/slog"
	"time"

	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/inbox"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/order/internal/order"
	"example.com/clew/services/order/internal/store"
)

// Handlers returns the handlers of stock's events. These may arrive in any order: an event for an order that is unknown or
// already decided changes nothing.
func Handlers(in *store.Inbox, s *store.Store, logger *slog.Logger) []messaging.Handler[contracts.Stock] {
	d := decider{s, logger}
	return []messaging.Handler[contracts.Stock]{
		messaging.On(inbox.Once(in, d.confirm)),
		messaging.On(inbox.Once(in, d.reject)),
	}
}

type decider struct {
	store  *store.Store
	logger *slog.Logger
}

func (d decider) confirm(ctx context.Context, tx *store.Tx, e contracts.StockReserved) error {
	return d.decide(ctx, tx, e.OrderID, order.Confirmed, "", contracts.OrderConfirmed{OrderID: e.OrderID})
}

func (d decider) reject(ctx context.Context, tx *store.Tx, e contracts.StockRejected) error {
	return d.decide(ctx, tx, e.OrderID, order.Rejected, e.Reason, contracts.OrderRejected(e))
}

// decide changes the order's status, and creates the event of the change, if its status still allows that.
func (d decider) decide(
	ctx context.Context, tx *store.Tx, id string, to order.Status, reason string, event messaging.Event[contracts.Orders],
) error {
	changed, err := d.store.Change(ctx, tx, id, to, reason, time.Now())
	if err != nil {
		return err
	}
	if !changed {
		d.logger.DebugContext(ctx, "stock's answer changes nothing: the order is unknown or already decided",
			"order", id, "answer", to)
		return nil
	}
	return outbox.Create(ctx, tx, event)
}
