package httpapi

import (
	"context"
	"encoding/base64"
	"errors"

	"github.com/danielgtaylor/huma/v2"

	"example.com/clew/services/contracts"
	"example.com/clew/services/inventory/internal/stock"
)

type listInput struct {
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many SKUs a page has at most"`
	After string `query:"after" doc:"'next' of the page before"`
}

type listOutput struct{ Body StockPage }

func (a *api) list(ctx context.Context, in *listInput) (*listOutput, error) {
	after, err := fromCursor(in.After)
	if err != nil {
		return nil, err
	}
	items, err := a.store.Items(ctx, after, in.Limit+1) // one more: is there a next page?
	if err != nil {
		return nil, err
	}
	page := StockPage{Items: []StockItem{}}
	if len(items) > in.Limit {
		items = items[:in.Limit]
		page.Next = cursorTo(items[in.Limit-1].SKU)
	}
	for _, item := range items {
		page.Items = append(page.Items, StockItem(item))
	}
	return &listOutput{page}, nil
}

type skuInput struct {
	SKU string `path:"sku" pattern:"^[A-Za-z0-9._-]{1,64}$" doc:"Which product" example:"lamp"`
}

type itemOutput struct{ Body StockItem }

func (a *api) get(ctx context.Context, in *skuInput) (*itemOutput, error) {
	item, err := a.store.Item(ctx, in.SKU)
	if errors.Is(err, stock.ErrNotFound) {
		return nil, huma.Error404NotFound("there is no SKU " + in.SKU)
	}
	if err != nil {
		return nil, err
	}
	return &itemOutput{StockItem(item)}, nil
}

type reservationInput struct {
	OrderID string `path:"order_id" pattern:"^[A-Za-z0-9._-]{1,64}$" doc:"The order's id" example:"0199c0de-7a1b-7cde-8f01-23456789abcd"`
}

type reservationOutput struct{ Body Reservation }

func (a *api) reservation(ctx context.Context, in *reservationInput) (*reservationOutput, error) {
	r, err := a.store.Reservation(ctx, in.OrderID)
	if errors.Is(err, stock.ErrNotFound) {
		return nil, huma.Error404NotFound("there is no reservation for order " + in.OrderID)
	}
	if err != nil {
		return nil, err
	}
	return &reservationOutput{reservationJSON(r)}, nil
}

// cursorTo makes a cursor of the last SKU on a page. It is opaque, so that its form may change.
func cursorTo(sku string) string { return base64.RawURLEncoding.EncodeToString([]byte(sku)) }

// fromCursor returns the SKU in a cursor; that of no cursor is empty.
func fromCursor(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	sku, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || contracts.ValidName("after", string(sku)) != nil {
		return "", huma.Error422UnprocessableEntity("validation failed",
			&huma.ErrorDetail{Location: "query.after", Message: "expected the value of next from the page before"})
	}
	return string(sku), nil
}
