package run

import (
	"context"
	"fmt"
	"time"
)

const (
	// goneAfter is how long the target must be away without a break to be taken for gone. A service that was killed is
	// back sooner, wherever somebody looks after it: then the run goes on, and the thresholds judge what the outage did.
	goneAfter = 10 * time.Second

	askEvery = time.Second
)

// watch blocks until ctx ends, and returns nil, or until the target is gone: Redis can't be read, or nothing listens where
// the order API was.
func (r *run) watch(ctx context.Context) error {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	var since time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := r.follower.Levels().Err
		if err == nil {
			err = r.Target.Listens(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) >= goneAfter:
			return fmt.Errorf("the target went away after %s, and was not back %s later: %w",
				since.Sub(r.start).Round(time.Second), goneAfter, err)
		}
	}
}
