// Package main leaves an event of one stream as an answer on another.
package main

import (
	"context"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/messaging/testdata/misuse/lamps"
)

func main() { _ = answer(context.Background(), nil) }

func answer(ctx context.Context, tx *outbox.Tx) error {
	return outbox.CreateAround(ctx, tx, func(context.Context) (messaging.Event[lamps.Switches], error) {
		return lamps.Lit{}, nil
	})
}
