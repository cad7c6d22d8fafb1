// Package testmode makes inventory misbehave on purpose, so that retries, takeovers and dead letters can be seen at will.
// What asks for it is the SKU of an item: see the constants in contracts. Nothing of this is in a service that does not
// run in test mode.
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

// Misbehave returns a handler of contracts.OrderCreated that does to orders with a test SKU what its constant says,
// and leaves the rest to next. Put it outside inbox.Once: no transaction is open while it waits, and what it does
// depends on the delivery alone, whether or not the event was processed before.
//
// The switches are read from Redis. While that is not possible an order of contracts.TestPoison is
// messaging.Unavailable. kill is Kill, but in tests; the attempt ends with its error.
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

// poison returns no error if the switch says that it is fixed.
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

// Kill ends this process the way a crash does: nothing is finished, closed or flushed. It does not return.
func Kill() error {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	// Still alive: the first process of a container, as in a pod, ignores signals that it sends to itself.
	os.Exit(128 + int(syscall.SIGKILL))
	return nil
}
