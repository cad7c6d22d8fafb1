// Package lamps has two streams, and an event on one of them.
package lamps

// Lamps is a stream.
type Lamps struct{}

// Name returns the stream's name.
func (Lamps) Name() string { return "lamps" }

// Switches is another.
type Switches struct{}

// Name returns the stream's name.
func (Switches) Name() string { return "switches" }

// Lit travels on Lamps.
type Lit struct{}

// Stream returns the stream on which the event travels.
func (Lit) Stream() Lamps { return Lamps{} }

// Type returns the type of the event.
func (Lit) Type() string { return "lamp.lit.v1" }

// Subject returns what it is about.
func (Lit) Subject() string { return "desk" }

// Validate finds nothing wrong.
func (Lit) Validate() error { return nil }
