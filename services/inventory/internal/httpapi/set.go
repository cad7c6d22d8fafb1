package httpapi

import (
	"context"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
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

// requireToken lets only requests pass that bear the token (RFC 6750).
func requireToken(h huma.API, token string) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if token == "" {
			_ = huma.WriteErr(h, ctx, http.StatusForbidden,
				"stock cannot be set here, because no token was chosen; start the service with CLEW_TOKEN")
			return
		}
		scheme, given, _ := strings.Cut(ctx.Header("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			ctx.SetHeader("WWW-Authenticate", "Bearer")
			_ = huma.WriteErr(h, ctx, http.StatusUnauthorized,
				"setting stock needs the header Authorization: Bearer <token>, with the value of CLEW_TOKEN")
			return
		}
		next(ctx)
	}
}
