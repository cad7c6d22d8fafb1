// Package load offers arrivals when they are due, whatever becomes of those before: an open loop. A target that slows down
// is not offered less, so its slowness shows in the latencies, which count from when a request was due.
//
//   - load.go: Generator hands each arrival to a sender when it is due;
//   - http.go, stream.go: the senders, one for each target;
//   - recorder.go: what happened, second by second.
package load

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"example.com/clew/loadtest/internal/schedule"
)

// TuneRuntime prepares Go's runtime for a generator, and is called once, by main. Its thread that sleeps in the kernel
// keeps one of GOMAXPROCS until the runtime notices, for milliseconds, so there is one more; and garbage is collected less
// often, because that takes the processor from what is to be sent. GOMAXPROCS and GOGC in the environment stand.
func TuneRuntime() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// Sender sends what arrives. Send does not wait for the answer.
type Sender interface {
	Send(context.Context, Arrival)
}

// Generator offers the arrivals of a plan.
type Generator struct {
	Plan      schedule.Plan
	SKU       func(due time.Duration) string // of each arrival in turn
	Sender    Sender
	Scheduled func(due time.Duration, offered bool) // is called for each arrival, before it is sent

	// InFlight is how many were sent and have not ended. What arrives while there are MaxInFlight is not offered.
	InFlight    func() int
	MaxInFlight int
}

// Run offers each arrival when it is due, and returns when all were or ctx ended. It occupies a thread.
func (g Generator) Run(ctx context.Context, start time.Time) error {
	runtime.LockOSThread() // it sleeps in the kernel
	defer runtime.UnlockOSThread()
	number := 0
	for due := range g.Plan.Arrivals() {
		if err := schedule.SleepUntil(ctx, start.Add(due)); err != nil {
			return err
		}
		arrival := Arrival{Number: number, Due: due, SKU: g.SKU(due)}
		number++
		offered := g.InFlight() < g.MaxInFlight
		g.Scheduled(due, offered)
		if offered {
			g.Sender.Send(ctx, arrival)
		}
	}
	return nil
}
