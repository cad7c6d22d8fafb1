package row

import (
	"context"
	"fmt"

	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
)

// throughput measures a role that handles messages as fast as it can, in a child.
func throughput(role, stream string, mode child.Telemetry) measureFunc {
	return func(ctx context.Context, b *Bench) (report.Result, error) {
		return b.throughput(ctx, child.Job{Role: role, Stream: stream, Telemetry: mode})
	}
}

// discarding is throughput with every span made and queued; only the exporter does nothing.
func discarding(role, stream string) measureFunc {
	return func(ctx context.Context, b *Bench) (report.Result, error) {
		r, err := b.throughput(ctx, child.Job{Role: role, Stream: stream, Telemetry: child.MetricsAndSpans},
			"OTEL_TRACES_EXPORTER=none", "OTEL_LOGS_EXPORTER=none")
		if err == nil && r.Queued+r.Dropped != int64(b.sizes.Messages) {
			return r, fmt.Errorf("%d spans were queued and %d dropped of %d messages", r.Queued, r.Dropped, b.sizes.Messages)
		}
		return r, err
	}
}

// exporting is throughput with spans that are sent to a sink. One message in so many is sampled.
func exporting(role, stream string, oneIn, queue int) measureFunc {
	return func(ctx context.Context, b *Bench) (report.Result, error) {
		sink, err := b.startSink(ctx)
		if err != nil {
			return report.Result{}, err
		}
		defer sink.Stop()
		j := child.Job{Role: role, Stream: stream, OneIn: oneIn, Telemetry: child.MetricsAndSpans}
		r, err := b.throughput(ctx, j, exportTo(sink, queue)...)
		if err != nil {
			return r, err
		}
		return r, complete(ctx, r, sink, b.sizes.Messages/oneIn)
	}
}

func (b *Bench) throughput(ctx context.Context, j child.Job, environment ...string) (report.Result, error) {
	url, err := b.redis(ctx, j.Stream)
	if err != nil {
		return report.Result{}, err
	}
	j.RedisURL, j.Messages, j.Profile = url, b.sizes.Messages, b.profileOf(b.row)
	j.Partitions = toConsume[j.Stream].partitions
	j.Group = fmt.Sprintf("%s-%d", b.row, b.Round)
	return child.Run(ctx, j, environment...)
}
