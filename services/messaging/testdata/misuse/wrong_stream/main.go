// Package main consumes events from a stream on which they do not travel.
package main

import (
	"context"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/testdata/misuse/lamps"
)

func main() {
	streams := messaging.New(nil, messaging.Config{})
	_ = messaging.NewConsumer(streams, lamps.Switches{}, messaging.ConsumerConfig{Group: "g"}, messaging.On(lit))
}

func lit(context.Context, lamps.Lit, messaging.Message) error { return nil }
