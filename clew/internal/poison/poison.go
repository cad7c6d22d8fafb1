// Package poison turns the switch of the SKU test-poison. It is in Redis: every replica sees it, and restarts don't change it.
package poison

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/contracts"
)

// Fix lets test-poison succeed from now on.
func Fix(ctx context.Context, client redis.Cmdable) error {
	return turned(client.HSet(ctx, contracts.TestSwitches, contracts.SwitchPoison, contracts.PoisonFixed).Err())
}

// Break lets test-poison fail from now on, as at first.
func Break(ctx context.Context, client redis.Cmdable) error {
	return turned(client.HDel(ctx, contracts.TestSwitches, contracts.SwitchPoison).Err())
}

// Fixed tells whether test-poison succeeds.
func Fixed(ctx context.Context, client redis.Cmdable) (bool, error) {
	value, err := client.HGet(ctx, contracts.TestSwitches, contracts.SwitchPoison).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false, fmt.Errorf("read the switch in Redis: %w", err)
	}
	return value == contracts.PoisonFixed, nil
}

func turned(err error) error {
	if err != nil {
		return fmt.Errorf("turn the switch in Redis: %w", err)
	}
	return nil
}
