package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/order/internal/order"
	"example.com/clew/services/order/internal/store"
)

type placeInput struct {
	Key  string `header:"Idempotency-Key" pattern:"^[!-~]{1,255}$" doc:"Makes it repeatable: 1 to 255 visible ASCII characters, quoted or not"`
	Body NewOrder
}

// Resolve refuses an empty key, which huma takes for none, and a second key, which huma ignores. A key in quotation marks, as
// HTTP's structured fields write text, is the same as without them.
func (in *placeInput) Resolve(ctx huma.Context) []error {
	var keys []string
	ctx.EachHeader(func(name, value string) {
		if name == "Idempotency-Key" {
			keys = append(keys, value)
		}
	})
	if len(in.Key) > 1 && strings.HasPrefix(in.Key, `"`) && strings.HasSuffix(in.Key, `"`) {
		in.Key = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(in.Key[1 : len(in.Key)-1])
	}
	if len(keys) > 1 || len(keys) == 1 && in.Key == "" {
		return []error{&huma.ErrorDetail{
			Location: "header.Idempotency-Key", Message: "expected one of 1 to 255 visible ASCII characters",
		}}
	}
	return nil
}

type placeOutput struct {
	Location string `header:"Location" doc:"Where the order is"`
	Body     Order
}

func placed(o order.Order) *placeOutput {
	return &placeOutput{Location: "/orders/" + o.ID, Body: orderJSON(o)}
}

func (a *api) place(ctx context.Context, in *placeInput) (*placeOutput, error) {
	o, err := newOrder(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	if in.Key == "" {
		if err := a.accept(ctx, o, nil); err != nil {
			return nil, err
		}
		return placed(o), nil
	}

	hash, err := hashOf(in.Body)
	if err != nil {
		return nil, err
	}
	key := store.Key{Key: in.Key, BodyHash: hash, OrderID: o.ID}
	earlier, found, err := a.replay(ctx, key)
	if err != nil {
		return nil, err
	}
	if found {
		return placed(earlier), nil
	}
	err = a.accept(ctx, o, &key)
	if errors.Is(err, store.ErrKeyTaken) { // by the same request, sent twice at once
		o, _, err = a.replay(ctx, key)
	}
	if err != nil {
		return nil, err
	}
	return placed(o), nil
}

// newOrder makes an order of a request. It checks the total, which no schema can.
func newOrder(ctx context.Context, body NewOrder) (order.Order, error) {
	items := make([]order.Item, len(body.Items))
	priced := make([]contracts.Item, len(body.Items))
	for i, item := range body.Items {
		items[i], priced[i] = order.Item(item), contracts.Item(item)
	}
	total, err := contracts.Total(priced)
	if err != nil {
		return order.Order{}, huma.Error422UnprocessableEntity("validation failed",
			&huma.ErrorDetail{Location: "body.items", Message: err.Error()})
	}
	id, err := uuid.NewV7()
	if err != nil {
		return order.Order{}, fmt.Errorf("make an order's id: %w", err)
	}
	o := order.Order{
		ID: id.String(), CustomerID: body.CustomerID, Status: order.Pending, Currency: body.Currency,
		TotalCents: total, Items: items,
		// Databases keep microseconds: cut here, so that every answer has the same time.
		CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		o.TraceID = sc.TraceID().String()
	}
	return o, nil
}

// hashOf returns a hash that is the same for equal orders, however their JSON is written.
func hashOf(body NewOrder) (string, error) {
	canonical, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("hash the request: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// replay returns the order that was accepted under the key, if there is one, as in the first answer.
func (a *api) replay(ctx context.Context, key store.Key) (order.Order, bool, error) {
	earlier, found, err := a.store.Key(ctx, key.Key)
	if err != nil || !found {
		return order.Order{}, false, err
	}
	if earlier.BodyHash != key.BodyHash {
		return order.Order{}, false, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{
			Location: "header.Idempotency-Key", Message: "was used for another order, expected a new key for a new order",
		})
	}
	o, err := a.find(ctx, earlier.OrderID)
	o.Status, o.Reason = order.Pending, ""
	return o, err == nil, err
}

// accept writes the order, its key if there is one, and its event in one transaction.
func (a *api) accept(ctx context.Context, o order.Order, key *store.Key) error {
	describeSpan(ctx, o.ID)
	return a.outbox.Transaction(ctx, func(ctx context.Context, tx *store.Tx) error {
		return outbox.CreateAround(ctx, tx, func(ctx context.Context) (messaging.Event[contracts.Orders], error) {
			if key != nil {
				if err := a.store.InsertKey(ctx, tx.DB, *key); err != nil {
					return nil, err
				}
			}
			return created(o), a.store.Insert(ctx, tx, o)
		})
	})
}

func created(o order.Order) contracts.OrderCreated {
	items := make([]contracts.Item, len(o.Items))
	for i, item := range o.Items {
		items[i] = contracts.Item(item)
	}
	return contracts.OrderCreated{
		OrderID: o.ID, CustomerID: o.CustomerID, Currency: o.Currency, TotalCents: o.TotalCents, Items: items,
	}
}
