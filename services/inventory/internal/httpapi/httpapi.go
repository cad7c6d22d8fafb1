// Package httpapi is the inventory service's HTTP API: read stock and reservations, set stock.
//
// From the tags of the types in types.go huma makes both the validation of requests and the OpenAPI document.
package httpapi

import (
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"example.com/clew/services/inventory/internal/store"
	"example.com/clew/services/service/apiserver"
)

const description = `Units of a product are *available* until an order sets them aside; then they are *reserved*, and
stay so when the order is confirmed. An order gets all that it needs or nothing, which its reservation tells.`

type api struct{ store *store.Store }

// New returns the API's routes, /openapi.json and /docs. Stock is set only by requests that bear the token; an empty
// one refuses them all. Unexpected errors go to logger.
func New(s *store.Store, token string, logger *slog.Logger) *http.ServeMux {
	mux := http.NewServeMux()
	a := &api{s}
	h := apiserver.New(mux, logger, "Clew inventory", "1.0.0", description,
		&huma.Tag{Name: "Stock", Description: "Units of each product: available, or reserved for an order"},
		&huma.Tag{Name: "Reservations", Description: "What was set aside for each order, or why nothing was"})
	h.OpenAPI().Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "The value of CLEW_TOKEN"},
	}
	huma.Register(h, huma.Operation{
		OperationID: "list-stock", Method: http.MethodGet, Path: "/stock", Tags: []string{"Stock"},
		Errors:  []int{http.StatusUnprocessableEntity},
		Summary: "List stock by SKU",
		Description: "A page of all products, in the order of their SKUs. Where there are more, `next` is what the next request " +
			"gives as `after`.",
	}, a.list)
	huma.Register(h, huma.Operation{
		OperationID: "get-stock", Method: http.MethodGet, Path: "/stock/{sku}", Tags: []string{"Stock"},
		Errors:      []int{http.StatusNotFound, http.StatusUnprocessableEntity},
		Summary:     "Get the stock of a SKU",
		Description: "How many units of the product are available, and how many are reserved.",
	}, a.get)
	huma.Register(h, huma.Operation{
		OperationID: "set-stock", Method: http.MethodPut, Path: "/stock/{sku}", Tags: []string{"Stock"},
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity},
		Security:    []map[string][]string{{"token": {}}},
		Middlewares: huma.Middlewares{apiserver.RequireToken(token)},
		Summary:     "Set the stock of a SKU",
		Description: "Sets how many units are available, of a new SKU too. What is reserved stays.",
	}, a.set)
	huma.Register(h, huma.Operation{
		OperationID: "get-reservation", Method: http.MethodGet, Path: "/reservations/{order_id}", Tags: []string{"Reservations"},
		Errors:      []int{http.StatusNotFound, http.StatusUnprocessableEntity},
		Summary:     "Get the reservation of an order",
		Description: "An order has none until inventory has heard of it.",
	}, a.reservation)
	return mux
}
