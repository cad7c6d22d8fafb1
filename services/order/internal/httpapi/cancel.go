package httpapi

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/order/internal/order"
	"example.com/clew/services/order/internal/store"
)

func (a *api) cancel(ctx context.Context, in *orderInput) (*orderOutput, error) {
	err := a.outbox.Transaction(ctx, func(ctx context.Context, tx *store.Tx) error {
		changed, err := a.store.Change(ctx, tx, in.ID, order.Cancelled, "", time.Now())
		if err != nil || !changed {
			return err
		}
		return outbox.Create(ctx, tx, contracts.OrderCancelled{OrderID: in.ID})
	})
	if err != nil {
		return nil, err
	}
	o, err := a.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if o.Status != order.Cancelled {
		return nil, huma.Error409Conflict("the order is " + string(o.Status) + ", only a pending or confirmed one can be cancelled")
	}
	return &orderOutput{orderJSON(o)}, nil
}
