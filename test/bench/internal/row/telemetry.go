package row

import (
	"context"
	"fmt"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"example.com/clew/observability/telemetry"
	"example.com/clew/services/messaging"
	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
)

// bigQueue holds the spans of a whole row of 200 000 messages: where every message is sampled at full speed, what
// limits is the export, and a smaller queue would drop.
const (
	bigQueue        = 262_144
	productionQueue = 16_384
)

// instrumented is what a child records with. Its telemetry is nil if it makes no spans.
type instrumented struct {
	config messaging.Config
	tel    *telemetry.Telemetry
}

func instrument(ctx context.Context, mode child.Telemetry) (instrumented, error) {
	switch mode {
	case child.MetricsOnly:
		return instrumented{config: messaging.Config{Registerer: prometheus.NewRegistry()}}, nil
	case child.MetricsAndSpans:
		tel, err := telemetry.Setup(ctx, telemetry.Config{Service: "bench", Instance: "bench-1", LogWriter: io.Discard})
		if err != nil {
			return instrumented{}, err
		}
		return instrumented{tel: tel, config: messaging.Config{TracerProvider: tel.TracerProvider, Registerer: tel.Registry}}, nil
	default:
		return instrumented{}, nil
	}
}

// flush blocks until all spans that were made are exported.
func (i instrumented) flush(ctx context.Context) error {
	if i.tel == nil {
		return nil
	}
	return i.tel.TracerProvider.(interface{ ForceFlush(context.Context) error }).ForceFlush(ctx)
}

// describe adds what the SDK says of its spans, after a flush, and stops telemetry.
func (i instrumented) describe(ctx context.Context, r *report.Result) error {
	r.Exported, r.Dropped = report.Unknown, report.Unknown
	if i.tel == nil {
		return nil
	}
	families, err := i.tel.Registry.Gather()
	if err != nil {
		return fmt.Errorf("read the SDK's metrics: %w", err)
	}
	spans := countSpans(families)
	r.Queued, r.Exported, r.Dropped = spans.queued, spans.exported, spans.dropped
	return i.tel.Shutdown(ctx)
}

// spanCounts are what the SDK says became of spans that have ended and were sampled.
type spanCounts struct {
	queued   int64 // taken by the processor
	exported int64 // accepted by their receiver
	dropped  int64 // refused by a full queue, or lost on the way
}

// countSpans reads the SDK's metrics. Where nothing is exported over OTLP, nothing counts what is exported.
func countSpans(families []*dto.MetricFamily) spanCounts {
	var spans spanCounts
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			failed := false
			for _, label := range metric.GetLabel() {
				failed = failed || label.GetName() == "error_type" && label.GetValue() != ""
			}
			n := int64(metric.GetCounter().GetValue())
			switch family.GetName() {
			case "otel_sdk_processor_span_processed_total":
				if failed {
					spans.dropped += n
				} else {
					spans.queued += n
				}
			case "otel_sdk_exporter_span_exported_total":
				if failed {
					spans.dropped += n
				} else {
					spans.exported += n
				}
			}
		}
	}
	return spans
}

// exportTo are the variables of a process that reports to a sink.
func exportTo(sink sink, queue int) []string {
	return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + sink.URL, fmt.Sprintf("OTEL_BSP_MAX_QUEUE_SIZE=%d", queue)}
}

// complete makes sure that every span arrived: the SDK dropped none, and the sink has as many as were to be made.
func complete(ctx context.Context, r report.Result, sink sink, want int) error {
	arrived, err := sink.count(ctx)
	if err != nil {
		return err
	}
	if r.Dropped != 0 || r.Exported != int64(want) || arrived != int64(want) {
		return fmt.Errorf("SPANS LOST: the sink has %d, the SDK exported %d and dropped %d, expected %d and none dropped",
			arrived, r.Exported, r.Dropped, want)
	}
	return nil
}
