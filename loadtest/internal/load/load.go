// Package load sends requests when they are due, even if earlier ones have no answer yet: an open loop. A target that slows down
// does not get less load, so its slowness shows in the latencies, which count from the time when a request was due.
//
//   - load.go: Generator hands each arrival to a sender when it is due;
//   - http.go, stream.go: the senders, one for each target;
//   - recorder.go: the results, second by second.
package load

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"example.com/clew/loadtest/internal/schedule"
)

// TuneRuntime prepares Go's runtime for a generator; main calls it once. It raises GOMAXPROCS by one, because the generator's
// thread sleeps in the kernel and blocks one of them until the runtime notices, after milliseconds. It makes garbage collections
// rarer, because they delay sending. It keeps GOMAXPROCS and GOGC if the environment sets them.
func TuneRuntime() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// Sender sends arrivals. Send does not wait for the answer.
type Sender interface {
	Send(context.Context, Arrival)
}

// Generator offers the arrivals of a plan.
type Generator struct {
	Plan      schedule.Plan
	SKU       func(due time.Duration) (sku string, mine bool) // of each arrival in turn; others are another generator's
	Late      time.Duration                                   // arrivals that are due before are not sent
	Sender    Sender
	Scheduled func(due time.Duration, offered bool) // is called for each arrival, before it is sent

	// InFlight returns the number of arrivals that were sent and have not ended. At MaxInFlight further ones are not sent.
	InFlight    func() int
	MaxInFlight int
}

// Run offers each arrival when it is due, and returns when all were or ctx ended. It occupies a thread.
func (g Generator) Run(ctx context.Context, start time.Time) error {
	runtime.LockOSThread() // it sleeps in the kernel
	defer runtime.UnlockOSThread()
	number := -1
	for due := range g.Plan.Arrivals() {
		number++
		sku, mine := g.SKU(due)
		if !mine {
			continue
		}
		if err := schedule.SleepUntil(ctx, start.Add(due)); err != nil {
			return err
		}
		arrival := Arrival{Number: number, Due: due, SKU: sku}
		offered := due >= g.Late && g.InFlight() < g.MaxInFlight
		g.Scheduled(due, offered)
		if offered {
			g.Sender.Send(ctx, arrival)
		}
	}
	return nil
}
