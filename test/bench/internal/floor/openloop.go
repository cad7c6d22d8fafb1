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

// OpenLoop reads and acknowledges messages as they come, and notes when each was due.
func OpenLoop(ctx context.Context, j child.Job) (report.Result, error) {
	client, err := messaging.Connect(messaging.Redis{URL: j.RedisURL})
	if err != nil {
		return report.Result{}, err
	}
	defer client.Close()
	key := messaging.StreamKey(j.Stream, 0)
	if err := client.XGroupCreateMkStream(ctx, key, j.Group, "0").Err(); err != nil {
		return report.Result{}, err
	}
	if err := client.XGroupCreateConsumer(ctx, key, j.Group, "floor").Err(); err != nil {
		return report.Result{}, err
	}
	measured := work.NewLatencies(j.Messages)
	for handled := 0; handled < j.Messages; {
		n, err := batch(ctx, client, key, j.Group, time.Second, func(entry redis.XMessage) {
			now := time.Now()
			due, _ := time.Parse(time.RFC3339Nano, entry.Values["time"].(string)) // the zero time would stand out
			measured.Add(now.Sub(due))
		})
		if err != nil {
			return report.Result{}, err
		}
		handled += n
	}
	return measured.Result(), errors.Join(work.Finished(ctx, client, j, measured.Count()), client.Del(ctx, key).Err())
}
