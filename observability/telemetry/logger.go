package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// newStdoutHandler writes JSON lines with the attributes of the process.
func newStdoutHandler(w io.Writer, level slog.Level, res *resource.Resource) slog.Handler {
	text := func(key attribute.Key) string {
		value, _ := res.Set().Value(key)
		return value.AsString()
	}
	return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}).WithAttrs([]slog.Attr{
		slog.String("service", text(semconv.ServiceNameKey)),
		slog.String("instance", text(semconv.ServiceInstanceIDKey)),
	})
}

// logHandler writes each record to stdout and to OTLP. An OTLP record has fields for the trace context; a line on stdout has
// it as attributes (inside the group, if the logger has one).
type logHandler struct {
	level        slog.Level
	stdout, otlp slog.Handler
}

func (h logHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h logHandler) Handle(ctx context.Context, record slog.Record) error {
	line := record.Clone()
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		line.AddAttrs(slog.String("trace_id", sc.TraceID().String()), slog.String("span_id", sc.SpanID().String()))
	}
	return errors.Join(h.stdout.Handle(ctx, line), h.otlp.Handle(ctx, record))
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.level, h.stdout.WithAttrs(attrs), h.otlp.WithAttrs(attrs)}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.level, h.stdout.WithGroup(name), h.otlp.WithGroup(name)}
}

// sdkErrors logs errors of the SDK, at most one a minute, with the number of errors suppressed since the last. A collector that
// is away would cause five a second.
type sdkErrors struct {
	logger *slog.Logger

	mu       sync.Mutex
	quiet    time.Time // until then errors are only counted
	keptBack int
}

// Handle implements otel.ErrorHandler.
func (e *sdkErrors) Handle(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Now().Before(e.quiet) {
		e.keptBack++
		return
	}
	e.logger.Warn("telemetry error (at most one a minute is logged)", "error", err, "kept_back", e.keptBack)
	e.quiet, e.keptBack = time.Now().Add(time.Minute), 0
}
