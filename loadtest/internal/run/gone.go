package run

import (
	"context"
	"fmt"
	"time"
)

const (
	// goneAfter is how long the target must be away without a break to count as gone. A killed service is restarted sooner:
	// then the run goes on, and the thresholds judge the effect of the outage.
	goneAfter = 10 * time.Second

	askEvery = time.Second
)

// watch blocks until ctx ends, and returns nil, or until the target is gone: Redis can't be read, or nothing listens at the order
// API's address.
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
