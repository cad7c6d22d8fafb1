package standalone

import (
	"context"
	"errors"
	"fmt"

	"example.com/clew/clew/state"
	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
)

// setPartitions tells the own Redis how many partitions the streams have from
// now on. Nobody uses them yet: whatever does is about to be started. Another
// Redis may have users: there it checks that the number is the same.
func setPartitions(ctx context.Context, known state.State, ownRedis bool) error {
	client, err := messaging.Connect(known.Redis)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	admin := messaging.New(client, messaging.Config{Partitions: known.Partitions}).Admin()
	streams := []string{contracts.Orders{}.Name(), contracts.Stock{}.Name()}
	if ownRedis {
		if err := admin.SetPartitions(ctx, known.Partitions, streams...); err != nil {
			return fmt.Errorf("CLEW_PARTITIONS cannot be %d yet: start with what it was, and finish what is left: %w", known.Partitions, err)
		}
		return nil
	}
	for _, stream := range streams {
		var other *messaging.PartitionsError
		if err := admin.AgreePartitions(ctx, stream); errors.As(err, &other) {
			return fmt.Errorf("CLEW_PARTITIONS is %d, expected %d: %w", other.Told, other.InRedis, err)
		} else if err != nil {
			return fmt.Errorf("use the Redis of the environment: %w", err)
		}
	}
	return nil
}
