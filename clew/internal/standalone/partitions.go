package standalone

import (
	"context"
	"fmt"

	"example.com/clew/clew/state"
	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
)

// setPartitions tells Redis how many partitions the streams have from now on.
// Nobody uses them yet: whatever does is about to be started.
func setPartitions(ctx context.Context, known state.State) error {
	client, err := messaging.Connect(known.Redis.URL)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	admin := messaging.New(client, messaging.Config{Partitions: known.Partitions}).Admin()
	if err := admin.SetPartitions(ctx, known.Partitions, contracts.Orders{}.Name(), contracts.Stock{}.Name()); err != nil {
		return fmt.Errorf("CLEW_PARTITIONS cannot be %d yet: start with what it was, and finish what is left: %w", known.Partitions, err)
	}
	return nil
}
