// Package testmode makes inventory misbehave for orders of test SKUs (see the constants in contracts), so that retries,
// takeovers and dead letters can be seen at will. A service outside of test mode does not use it.
package testmode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/contracts"
	"example.com/clew/services/inventory/internal/stock"
	"example.com/clew/services/messaging"
)

const slowness = 2 * time.Second // of contracts.TestSlow

// Seed returns the stock of the test SKUs.
func Seed() []stock.Item {
	items := []stock.Item{{SKU: contracts.TestOutOfStock}}
	for _, sku := range []string{
		contracts.TestSlow, contracts.TestFlaky, contracts.TestPoison, contracts.TestInvalid,
		contracts.TestCrash, contracts.TestCrashLoop,
	} {
		items = append(items, stock.Item{SKU: sku, Available: stock.LoadUnits})
	}
	return items
}

// A Handler handles the creation of an order.
type Handler = func(ctx context.Context, order contracts.OrderCreated, m messaging.Message) error

// Ping is the handler of contracts.TestPingV1.
func Ping(context.Context, messaging.Message) error { return nil }

// Misbehave returns a handler of contracts.OrderCreated that treats orders with a test SKU as its constant says, and passes
// all others to next. Put it outside inbox.Once: then no transaction is open while it waits, and its behaviour depends only
// on the delivery, not on whether the event was processed before.
//
// It reads the switch of contracts.TestPoison from Redis; if that fails, the error is messaging.Unavailable. kill is Kill,
// except in tests; the attempt ends with its error.
func Misbehave(next Handler, switches redis.Cmdable, kill func() error) Handler {
	return func(ctx context.Context, order contracts.OrderCreated, m messaging.Message) error {
		has := map[string]bool{}
		for _, item := range order.Items {
			has[item.SKU] = true
		}
		if has[contracts.TestSlow] {
			if err := wait(ctx); err != nil {
				return err
			}
		}
		switch {
		case has[contracts.TestInvalid]:
			return messaging.Permanent(errors.New("test-invalid fails for good; no retry can mend it"))
		case has[contracts.TestCrashLoop], has[contracts.TestCrash] && m.Deliveries == 1:
			return kill()
		case has[contracts.TestFlaky] && m.Deliveries <= 2:
			return fmt.Errorf("test-flaky fails on its first two deliveries; this is delivery %d", m.Deliveries)
		case has[contracts.TestPoison]:
			if err := poison(ctx, switches); err != nil {
				return err
			}
		}
		return next(ctx, order, m)
	}
}

func wait(ctx context.Context) error {
	select {
	case <-time.After(slowness):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("test-slow was interrupted: %w", ctx.Err())
	}
}

// poison returns nil if the switch is set to fixed.
func poison(ctx context.Context, switches redis.Cmdable) error {
	value, err := switches.HGet(ctx, contracts.TestSwitches, contracts.SwitchPoison).Result()
	switch {
	case err != nil && !errors.Is(err, redis.Nil):
		return messaging.Unavailable(fmt.Errorf("read the switch of test-poison: %w", err))
	case value != contracts.PoisonFixed:
		return errors.New("test-poison fails on every delivery; `clew fix poison` ends that")
	}
	return nil
}

// Kill ends this process as a crash does: nothing is finished, closed or flushed. It does not return.
func Kill() error {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	// Still alive: the first process of a container, as in a pod, ignores signals that it sends to itself.
	os.Exit(128 + int(syscall.SIGKILL))
	return nil
}
