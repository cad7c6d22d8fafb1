package row

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/clew/services/messaging"
	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
	"example.com/clew/test/bench/internal/work"
)

// streamPublished is what publishers fill. Only its messages' places in it differ from round to round.
const streamPublished = "bench-published"

// runPublish is our publisher with batches like the floor's, to the last span.
func runPublish(ctx context.Context, j child.Job) (report.Result, error) {
	client, err := messaging.Connect(messaging.Redis{URL: j.RedisURL})
	if err != nil {
		return report.Result{}, err
	}
	defer client.Close()
	messages, err := work.NewMessages(j.Stream, work.Distinct, j.OneIn)
	if err != nil {
		return report.Result{}, err
	}
	with, err := instrument(ctx, j.Telemetry)
	if err != nil {
		return report.Result{}, err
	}
	publisher := messaging.New(client, with.config).Publisher()
	m, err := child.StartMeter(j.Profile)
	if err != nil {
		return report.Result{}, err
	}
	if err := work.Publish(ctx, publisher, messages, j.Messages); err != nil {
		return report.Result{}, err
	}
	added := time.Since(m.Started)
	if err := with.flush(ctx); err != nil {
		return report.Result{}, fmt.Errorf("export the last spans: %w", err)
	}
	rate, allocs := m.Stop(j.Messages)
	r := report.Result{Value: rate, Allocs: allocs, Extras: map[string]float64{
		"messages/s until the last XADD": float64(j.Messages) / added.Seconds(),
	}}
	err = with.describe(ctx, &r)
	return r, errors.Join(err, work.Published(ctx, client, j))
}
