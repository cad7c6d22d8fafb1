package httpapi

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"example.com/clew/services/service/httpserver"
)

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

// requireToken lets only requests pass that bear the token.
func requireToken(token string) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if r, w := humago.Unwrap(ctx); httpserver.Authorized(w, r, token) {
			next(ctx)
		}
	}
}
