// Package main is the other programs without their mistakes.
package main

import (
	"context"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/testdata/misuse/lamps"
)

func main() {
	streams := messaging.New(nil, messaging.Config{})
	_ = messaging.Publish(context.Background(), streams.Publisher(), lamps.Lit{})
	_ = messaging.NewConsumer(streams, lamps.Lamps{}, messaging.ConsumerConfig{Group: "g"}, messaging.On(lit))
}

func lit(context.Context, lamps.Lit, messaging.Message) error { return nil }
