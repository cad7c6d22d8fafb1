package floor

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
	"example.com/clew/test/bench/internal/work"
)

// Consume reads and acknowledges a loaded stream, batch by batch, and does nothing else.
func Consume(ctx context.Context, j child.Job) (report.Result, error) {
	client, err := messaging.Connect(messaging.Redis{URL: j.RedisURL})
	if err != nil {
		return report.Result{}, err
	}
	defer client.Close()
	key := messaging.StreamKey(j.Stream, 0)
	if err := client.XGroupCreate(ctx, key, j.Group, "0").Err(); err != nil {
		return report.Result{}, err
	}
	m, err := child.StartMeter(j.Profile)
	if err != nil {
		return report.Result{}, err
	}
	handled := 0
	for handled < j.Messages {
		n, err := batch(ctx, client, key, j.Group, -1, func(redis.XMessage) {})
		if err != nil {
			return report.Result{}, err
		}
		handled += n
	}
	rate, allocs := m.Stop(handled)
	return report.Result{Value: rate, Allocs: allocs, Exported: report.Unknown, Dropped: report.Unknown},
		work.Finished(ctx, client, j, int64(handled))
}

// batch reads, handles and acknowledges what comes within block; a negative one does not wait.
func batch(
	ctx context.Context, client redis.UniversalClient, key, group string, block time.Duration, handle func(redis.XMessage),
) (int, error) {
	streams, err := client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: group, Consumer: "floor", Streams: []string{key, ">"}, Count: work.BatchSize, Block: block,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	ids := make([]string, len(streams[0].Messages))
	for i, entry := range streams[0].Messages {
		handle(entry)
		ids[i] = entry.ID
	}
	return len(ids), client.XAck(ctx, key, group, ids...).Err()
}
