// Package httpapi is the order service's HTTP API: place an order, read orders, cancel one.
//
// It turns requests into transactions of store and outbox, and orders into JSON. From the tags of the types in types.go huma
// makes both the validation of requests and the OpenAPI document.
package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"example.com/clew/services/order/internal/order"
	"example.com/clew/services/order/internal/store"
	"example.com/clew/services/service/apiserver"
)

const description = `Orders are accepted at once and decided a little later: an order is *pending* until inventory has
set its items aside (*confirmed*) or refused to (*rejected*). Ask for it again, or look at its trace, which the header
` + "`traceresponse`" + ` of each answer names.`

type api struct {
	store  *store.Store
	outbox *store.Outbox
}

// New returns the API's routes, /openapi.json and /docs. Unexpected errors go to logger.
func New(s *store.Store, o *store.Outbox, logger *slog.Logger) *http.ServeMux {
	mux := http.NewServeMux()
	a := &api{s, o}
	h := apiserver.New(mux, logger, "Clew orders", "1.0.0", description,
		&huma.Tag{Name: "Orders", Description: "What customers have ordered, and what became of it"})
	huma.Register(h, huma.Operation{
		OperationID: "place-order", Method: http.MethodPost, Path: "/orders", Tags: []string{"Orders"},
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusUnprocessableEntity},
		Summary: "Place an order",
		Description: "The order is accepted, and pending. With an `Idempotency-Key` the request can be repeated: " +
			"the same key and body get the same order again, with another body 422.",
	}, a.place)
	huma.Register(h, huma.Operation{
		OperationID: "get-order", Method: http.MethodGet, Path: "/orders/{id}", Tags: []string{"Orders"},
		Errors:      []int{http.StatusNotFound, http.StatusUnprocessableEntity},
		Summary:     "Get an order",
		Description: "The order as it is now. `trace_id` names the trace of the request that placed it.",
	}, a.get)
	huma.Register(h, huma.Operation{
		OperationID: "list-orders", Method: http.MethodGet, Path: "/orders", Tags: []string{"Orders"},
		Errors:  []int{http.StatusUnprocessableEntity},
		Summary: "List orders, the newest first",
		Description: "A page of all orders, or of those of one customer or status. Where there are more, `next` is what the next " +
			"request gives as `after`.",
	}, a.list)
	huma.Register(h, huma.Operation{
		OperationID: "cancel-order", Method: http.MethodPost, Path: "/orders/{id}/cancel", Tags: []string{"Orders"},
		Errors:  []int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity},
		Summary: "Cancel an order",
		Description: "A pending or confirmed order is cancelled and its stock released. Cancelling it again changes " +
			"nothing. A rejected order cannot be cancelled.",
	}, a.cancel)
	return mux
}

// find returns the order, or the problem to answer with. A search for the order's id finds the request's span.
func (a *api) find(ctx context.Context, id string) (order.Order, error) {
	o, err := a.store.Order(ctx, id)
	if errors.Is(err, order.ErrNotFound) {
		return o, huma.Error404NotFound("there is no order " + id)
	}
	if err == nil {
		describeSpan(ctx, id)
	}
	return o, err
}

func describeSpan(ctx context.Context, orderID string) {
	trace.SpanFromContext(ctx).SetAttributes(semconv.MessagingMessageConversationID(orderID))
}
