package floor

import (
	"context"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
	"example.com/clew/test/bench/internal/work"
)

// Publish adds messages in batches, and does nothing else.
func Publish(ctx context.Context, j child.Job) (report.Result, error) {
	client, err := messaging.Connect(messaging.Redis{URL: j.RedisURL})
	if err != nil {
		return report.Result{}, err
	}
	defer client.Close()
	messages, err := work.NewMessages(j.Stream, work.Distinct, 1)
	if err != nil {
		return report.Result{}, err
	}
	fields := make([][]string, len(messages))
	for i, m := range messages {
		fields[i] = work.FieldsOf(m)
	}
	key := messaging.StreamKey(j.Stream, 0)
	m, err := child.StartMeter(j.Profile)
	if err != nil {
		return report.Result{}, err
	}
	for i := 0; i < j.Messages; i += work.BatchSize {
		pipeline := client.Pipeline()
		for k := range work.BatchSize {
			pipeline.XAdd(ctx, &redis.XAddArgs{Stream: key, Values: fields[(i+k)%work.Distinct]})
		}
		if _, err := pipeline.Exec(ctx); err != nil {
			return report.Result{}, err
		}
	}
	rate, allocs := m.Stop(j.Messages)
	return report.Result{Value: rate, Allocs: allocs, Exported: report.Unknown, Dropped: report.Unknown}, work.Published(ctx, client, j)
}
