package main

import (
	"context"
	"fmt"
)

// throughput measures a role that handles messages as fast as it can, in a child.
func throughput(role, stream string, mode telemetryMode) measureFunc {
	return func(ctx context.Context, b *bench) (result, error) {
		return b.throughput(ctx, job{Role: role, Stream: stream, Telemetry: mode})
	}
}

// discarding is throughput with every span made and queued; only the exporter does nothing.
func discarding(role, stream string) measureFunc {
	return func(ctx context.Context, b *bench) (result, error) {
		r, err := b.throughput(ctx, job{Role: role, Stream: stream, Telemetry: metricsAndSpans},
			"OTEL_TRACES_EXPORTER=none", "OTEL_LOGS_EXPORTER=none")
		if err == nil && r.Queued+r.Dropped != int64(b.sizes.messages) {
			return r, fmt.Errorf("%d spans were queued and %d dropped of %d messages", r.Queued, r.Dropped, b.sizes.messages)
		}
		return r, err
	}
}

// exporting is throughput with spans that are sent to a sink. One message in so many is sampled.
func exporting(role, stream string, oneIn, queue int) measureFunc {
	return func(ctx context.Context, b *bench) (result, error) {
		sink, err := b.startSink(ctx)
		if err != nil {
			return result{}, err
		}
		defer sink.stop()
		r, err := b.throughput(ctx, job{Role: role, Stream: stream, Telemetry: metricsAndSpans}, exportTo(sink, queue)...)
		if err != nil {
			return r, err
		}
		return r, complete(ctx, r, sink, b.sizes.messages/oneIn)
	}
}

func (b *bench) throughput(ctx context.Context, j job, environment ...string) (result, error) {
	url, err := b.redis(ctx, j.Stream)
	if err != nil {
		return result{}, err
	}
	j.RedisURL, j.Messages, j.Profile = url, b.sizes.messages, b.profileOf(b.row)
	j.Group = fmt.Sprintf("%s-%d", b.row, b.round)
	return b.run(ctx, j, environment...)
}
