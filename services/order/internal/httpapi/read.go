package httpapi

import (
	"context"
	"encoding/base64"

	"github.com/danielgtaylor/huma/v2"

	"example.com/clew/services/contracts"
	"example.com/clew/services/order/internal/order"
	"example.com/clew/services/order/internal/store"
)

type orderInput struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9._-]{1,64}$" doc:"The order's id" example:"0199c0de-7a1b-7cde-8f01-23456789abcd"`
}

type orderOutput struct{ Body Order }

func (a *api) get(ctx context.Context, in *orderInput) (*orderOutput, error) {
	o, err := a.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &orderOutput{orderJSON(o)}, nil
}

type listInput struct {
	CustomerID string       `query:"customer_id" pattern:"^[A-Za-z0-9._-]{1,64}$" doc:"Only orders of this customer"`
	Status     order.Status `query:"status" enum:"pending,confirmed,rejected,cancelled" doc:"Only orders of this status"`
	Limit      int          `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many orders a page has at most"`
	After      string       `query:"after" doc:"'next' of the page before"`
}

type listOutput struct{ Body OrderPage }

func (a *api) list(ctx context.Context, in *listInput) (*listOutput, error) {
	before, err := fromCursor(in.After)
	if err != nil {
		return nil, err
	}
	orders, err := a.store.Orders(ctx, store.Filter{
		CustomerID: in.CustomerID, Status: in.Status, Before: before, Limit: in.Limit + 1, // one more: is there a next page?
	})
	if err != nil {
		return nil, err
	}
	page := OrderPage{Items: []Order{}}
	if len(orders) > in.Limit {
		orders = orders[:in.Limit]
		page.Next = cursorTo(orders[in.Limit-1].ID)
	}
	for _, o := range orders {
		page.Items = append(page.Items, orderJSON(o))
	}
	return &listOutput{page}, nil
}

// cursorTo makes a cursor of the last id on a page. It is opaque, so that its form may change.
func cursorTo(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }

// fromCursor returns the id in a cursor, or "" without one.
func fromCursor(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	id, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || contracts.ValidName("after", string(id)) != nil {
		return "", huma.Error422UnprocessableEntity("validation failed",
			&huma.ErrorDetail{Location: "query.after", Message: "expected the value of next from the page before"})
	}
	return string(id), nil
}
