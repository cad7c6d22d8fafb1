// Package traces begins the traces of some requests at the load test: a slow one then shows its wait before the order service
// got it.
package traces

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Like the services': spans are sent after a fifth of a second.
const (
	exportEvery   = 200 * time.Millisecond
	queueSize     = 16_384
	exportTimeout = 5 * time.Second
)

// Traces sends spans to a back end. A failure does not disturb the run; Close returns it.
type Traces struct {
	trace.Tracer
	provider *sdktrace.TracerProvider // nil without spans

	mu     sync.Mutex
	failed error // the last
}

// New returns the tracer of a run. It records the share, from 0 to 1, of the spans that begin a trace, and sends them over
// OTLP/HTTP to the URL base, or as OpenTelemetry's variables say. With a share of 0 or without a URL it records none.
func New(base string, share float64) (*Traces, error) {
	elsewhere := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
	if share == 0 || base == "" && !elsewhere {
		return &Traces{Tracer: noop.NewTracerProvider().Tracer("")}, nil
	}
	options := []otlptracehttp.Option{
		otlptracehttp.WithTimeout(exportTimeout),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}), // a run that is over would wait for it
	}
	if !elsewhere {
		options = append(options, otlptracehttp.WithEndpointURL(base+"/v1/traces"))
	}
	exporter, err := otlptracehttp.New(context.Background(), options...)
	if err != nil {
		return nil, fmt.Errorf("send traces: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.TraceIDRatioBased(share)),
		sdktrace.WithResource(resource.NewWithAttributes(semconv.SchemaURL, semconv.ServiceName("loadtest"))),
		sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(exportEvery), sdktrace.WithMaxQueueSize(queueSize)),
	)
	t := &Traces{Tracer: provider.Tracer("example.com/clew/loadtest"), provider: provider}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(t.fail)) // by default it would write into the live view
	return t, nil
}

func (t *Traces) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = err
}

// Close sends the waiting spans, for at most 5 s. It returns the last error of sending spans.
func (t *Traces) Close() error {
	if t.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), exportTimeout)
	defer cancel()
	err := t.provider.Shutdown(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err = errors.Join(err, t.failed); err != nil {
		return fmt.Errorf("some traces of the load test could not be sent: %w", err)
	}
	return nil
}
