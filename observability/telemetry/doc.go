// Package telemetry sets up what a process reports about itself: traces, metrics and logs, and the admin endpoints
// that show them.
//
// A process calls [Setup] once, hands the fields of the returned [Telemetry] to whatever needs them, and calls
// [Telemetry.Shutdown] last, so that the spans and records of its own shutdown are sent too:
//
//	tel, err := telemetry.Setup(ctx, telemetry.Config{Service: "order", Instance: "order-1"})
//	if err != nil {
//		return err
//	}
//	stop := telemetry.NewShutdown(tel.Logger)
//	stop.Push("telemetry", tel.Shutdown)
//	// … every later part pushes its own stop …
//	defer stop.Run(deadline)
//
// # Signals
//
// Traces go out over OTLP in batches, 200 ms after the first span at the latest, from a queue of 16 384 spans. A full
// queue drops spans rather than block the program; otel_sdk_processor_span_processed_total{error_type="queue_full"}
// counts them. Context travels as W3C trace context and baggage.
//
// Metrics are scraped from /metrics. Instruments of the Prometheus client and of OpenTelemetry meet in one registry,
// and both keep exemplars. Nothing is pushed, so OTEL_METRICS_EXPORTER is not read.
//
// Logs are JSON lines on stdout with service, instance and, inside a span, trace_id and span_id; the same records go
// out over OTLP. The trace ids come from the context, so log with the methods that take one (InfoContext, …). Exported text is
// always valid UTF-8.
//
// # Environment
//
// LOG_LEVEL is debug, info (the default), warn or error. The rest are OpenTelemetry's standard variables, among them
// OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_EXPORTER and OTEL_LOGS_EXPORTER (otlp, console, none),
// OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES. Setup gives two of them a value
// where they have none:
//
//   - OTEL_EXPORTER_OTLP_ENDPOINT is http://127.0.0.1:4318 (4317 for gRPC). Go's exporters would expect TLS there.
//   - OTEL_GO_X_OBSERVABILITY is true, so that the SDK reports its own metrics.
//
// # What is global
//
// No code has to use OpenTelemetry's globals. Setup sets three of them for the SDK itself: the meter provider (for its own
// metrics), the error handler and the internal logger. The last two write to stdout only: over OTLP, a report that the
// collector is away would be one more record to send to it.
package telemetry
