// Package main has a handler of a type that is no event.
package main

import (
	"context"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/testdata/misuse/lamps"
)

func main() { _ = messaging.On[lamps.Lamps](lit) }

func lit(context.Context, string, messaging.Message) error { return nil }
