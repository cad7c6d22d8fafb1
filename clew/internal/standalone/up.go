package standalone

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/clew/clew/internal/supervise"
	"example.com/clew/clew/state"
)

// readyWithin is how long each child may take to get ready.
const readyWithin = 30 * time.Second

// Up runs everything until ctx ends, and blocks until everything is gone. clew
// is the path of this program, which the children run. Lines for the user go
// to say, which may be called concurrently; ready is called once, when all is
// ready, with what status.json then holds.
//
// If something cannot start, nothing is left running. In a folder where Clew
// already runs, Up returns a *state.AlreadyRunningError at once.
func Up(ctx context.Context, c Config, clew string, say func(string), ready func(state.State)) (err error) {
	// What is deferred is the order of the stop: services first, because they
	// need Redis and the viewer to finish; the lock last, because it means
	// that something may still run.
	lock, err := state.Acquire(c.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	killed := state.Remove(c.Dir)
	defer func() {
		if !lock.Lost() { // else the file is another supervisor's
			state.Remove(c.Dir)
		}
	}()

	redisServer := ""
	if c.ownRedis {
		if redisServer, err = findRedis(); err != nil {
			return err
		}
	}
	secret, err := token(c.Dir)
	if err != nil {
		return err
	}
	metrics, err := openMetrics(c.Dir)
	if err != nil {
		return err
	}
	viewing, stopViewing := context.WithCancel(context.WithoutCancel(ctx))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return watch(viewing, lock, c.Dir, say) })
	group.Go(func() error { return metrics.Run(viewing) })
	defer func() {
		stopViewing()
		err = errors.Join(err, group.Wait())
	}()
	listeners, held, err := claimPorts(&c, killed)
	if err != nil {
		return err
	}
	defer func() { held.release(slices.Collect(maps.Keys(held))...) }()
	known := state.State{
		Mode:       state.Standalone,
		Partitions: c.Partitions,
		Token:      secret,
		Redis:      c.Redis,
		Addresses:  c.addresses(),
	}
	if c.ownRedis {
		if known.Redis, err = ownRedis(c.Dir, c.redis); err != nil {
			return err
		}
	}
	group.Go(func() error { return c.runViewer(viewing, clew, known, metrics, listeners, protect(c.AllowedHosts)) })

	supervisor, err := supervise.New(supervise.Options{Say: say, Changed: func(processes []state.Process) {
		now := known
		now.Processes = processes
		if !lock.Lost() {
			if err := state.Save(c.Dir, now); err != nil {
				say(err.Error())
			}
		}
		metrics.SetTargets(c.targets(processes)...)
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, supervisor.Close()) }()

	if c.ownRedis {
		say("starting redis on " + loopback(c.redis))
		redis := supervisor.Start(redisChild(c.Dir, redisServer, c.redis, known.Redis))
		defer stop(say, redis)
		if err := waitReady(ctx, []*supervise.Running{redis}); err != nil {
			return err
		}
	}
	if err := setPartitions(ctx, known, c.ownRedis); err != nil {
		return err
	}
	say("starting order-1 and inventory-1")
	start := func(service string, n int, at replica) *supervise.Running {
		held.release(at.addr, at.admin)
		return supervisor.Start(serviceChild(c, clew, service, n, at, known))
	}
	services := []*supervise.Running{
		start("order", 1, replica{c.Order, c.OrderAdmin}),
		start("inventory", 1, replica{c.Inventory, c.InventoryAdmin}),
	}
	defer func() { stop(say, services...) }()
	if err := waitReady(ctx, services); err != nil {
		return err
	}
	// The first replica has brought the database up to date that all share.
	for i, r := range c.further {
		say(fmt.Sprintf("starting inventory-%d", i+2))
		services = append(services, start("inventory", i+2, r))
	}
	if err := waitReady(ctx, services); err != nil {
		return err
	}
	running := known
	running.Processes = supervisor.Processes()
	ready(running)
	<-ctx.Done()
	return nil
}

// watch returns an error as soon as the folder is not this supervisor's any more, such as after `git clean`: what runs without
// it, no command would find, and its data is gone.
func watch(ctx context.Context, lock *state.Lock, dir string, say func(string)) error {
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
		if lock.Lost() {
			err := fmt.Errorf("the folder %s was deleted or replaced while Clew ran: everything is stopped, and `clew up` starts anew", dir)
			say(err.Error())
			return err
		}
	}
}

// waitReady says it plainly when it was the user who ended the start.
func waitReady(ctx context.Context, children []*supervise.Running) error {
	for _, child := range children {
		err := child.WaitReady(ctx, readyWithin)
		if ctx.Err() != nil {
			return errors.New("stopped before everything was ready")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stop stops children at the same time, and waits.
func stop(say func(string), children ...*supervise.Running) {
	var stopped sync.WaitGroup
	for _, child := range children {
		say("stopping " + child.Name())
		stopped.Go(child.Stop)
	}
	stopped.Wait()
}
