package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"example.com/clew/observability/telemetry/internal/metrics"
)

// flushTimeout bounds Telemetry.Shutdown: a collector that is away must not delay the end of a process for long.
const flushTimeout = 5 * time.Second

// Config names the process that reports.
type Config struct {
	Service   string    // service.name, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES gives another
	Instance  string    // service.instance.id, unless OTEL_RESOURCE_ATTRIBUTES gives another
	LogWriter io.Writer // where the JSON lines go; os.Stdout by default
}

// Telemetry has a process's tracer and meter providers, logger and metrics registry. Its fields are set once and safe for
// concurrent use.
type Telemetry struct {
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
	Propagator     propagation.TextMapPropagator
	Registry       *prometheus.Registry
	Logger         *slog.Logger

	closers []func(context.Context) error // in the order of their creation
}

// Setup starts telemetry, configured by the environment; the package comment lists the variables. It fails on invalid values,
// and then nothing stays running. It does not wait for a collector, which need not be there.
//
// It also sets the OpenTelemetry globals that the package comment lists; a second call replaces them.
func Setup(ctx context.Context, cfg Config) (_ *Telemetry, err error) {
	t := &Telemetry{
		Propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("set up telemetry: %w", errors.Join(err, t.Shutdown(ctx)))
		}
	}()

	env, err := readEnvironment()
	if err == nil {
		err = env.setDefaults()
	}
	if err != nil {
		return nil, err
	}
	res, err := newResource(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if cfg.LogWriter == nil {
		cfg.LogWriter = os.Stdout
	}
	stdout := newStdoutHandler(cfg.LogWriter, env.logLevel, res)
	otel.SetErrorHandler(&sdkErrors{logger: slog.New(stdout)})
	otel.SetLogger(logr.FromSlogHandler(stdout))

	// The meter provider comes first: the parts of the SDK made after it take their own instruments from it.
	registry, meters, err := metrics.New(res)
	if err != nil {
		return nil, err
	}
	t.Registry, t.MeterProvider = registry, meters
	t.closers = append(t.closers, meters.Shutdown)
	otel.SetMeterProvider(meters)

	records, err := autoexport.NewLogExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("log exporter: %w", err)
	}
	logs := sdklog.NewLoggerProvider(sdklog.WithResource(res), sdklog.WithProcessor(cleanRecords{sdklog.NewBatchProcessor(records)}))
	t.Logger = slog.New(logHandler{
		level:  env.logLevel,
		stdout: stdout,
		otlp:   otelslog.NewHandler("example.com/clew/observability/telemetry", otelslog.WithLoggerProvider(logs)),
	})
	t.closers = append(t.closers, logs.Shutdown)

	spans, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("trace exporter: %w", err)
	}
	batches := sdktrace.NewBatchSpanProcessor(cleanExporter{spans},
		sdktrace.WithBatchTimeout(never),
		sdktrace.WithMaxQueueSize(env.maxQueueSize),
		sdktrace.WithMaxExportBatchSize(env.maxBatchSize))
	tracers := sdktrace.NewTracerProvider(sdktrace.WithResource(res),
		sdktrace.WithSpanProcessor(newPromptly(env.scheduleDelay, batches)))
	t.TracerProvider = tracers
	t.closers = append(t.closers, tracers.Shutdown)
	return t, nil
}

// newResource describes the process. What comes later wins, so the environment does.
func newResource(ctx context.Context, cfg Config) (*resource.Resource, error) {
	res, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName(cfg.Service), semconv.ServiceInstanceID(cfg.Instance)),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES is %q, expected name=value,name=value: %w",
			os.Getenv("OTEL_RESOURCE_ATTRIBUTES"), err)
	}
	return resource.NewWithAttributes(res.SchemaURL(), cleanAttributes(res.Attributes())...), nil
}

// Shutdown sends all queued telemetry and stops. It blocks until that is done, ctx ends or 5 s have passed, and returns an
// error if something was not sent. Spans and OTLP records made afterwards are lost; lines on stdout are not.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	var errs []error
	for _, closer := range slices.Backward(t.closers) {
		errs = append(errs, closer(ctx))
	}
	return errors.Join(errs...)
}
