package httpapi

import "context"

type setInput struct {
	SKU  string `path:"sku" pattern:"^[A-Za-z0-9._-]{1,64}$" doc:"Which product" example:"lamp"`
	Body NewStock
}

func (a *api) set(ctx context.Context, in *setInput) (*itemOutput, error) {
	item, err := a.store.SetAvailable(ctx, in.SKU, in.Body.Available)
	if err != nil {
		return nil, err
	}
	return &itemOutput{StockItem(item)}, nil
}
