package telemetrytest

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"example.com/clew/observability/telemetry"
	"example.com/clew/observability/telemetry/internal/metrics"
)

// waitTimeout is how long WaitFor waits: far longer than any test needs, even on a slow machine.
const waitTimeout = 10 * time.Second

// Span is a span that has ended.
type Span = tracetest.SpanStub

// Spans are spans in the order in which they ended.
type Spans = tracetest.SpanStubs

// Recorder keeps every span that ends. It is safe for concurrent use.
type Recorder struct {
	mu    sync.Mutex
	spans Spans
	ended chan struct{} // closed and replaced when a span ends
}

// NewRecorder returns an empty recorder.
func NewRecorder() *Recorder { return &Recorder{ended: make(chan struct{})} }

// Telemetry returns a Telemetry for one service. Its spans are in the recorder as soon as they end; a trace is sampled
// unless its caller decided otherwise. Its registry is its own, its log goes to the test's output (nowhere, once the
// test has ended), and nothing is exported.
func (r *Recorder) Telemetry(t testing.TB, service string) *telemetry.Telemetry {
	t.Helper()
	res := resource.NewSchemaless(semconv.ServiceName(service))
	registry, meters, err := metrics.New(res)
	if err != nil {
		t.Fatal(err)
	}
	log := &testOutput{w: t.Output()}
	t.Cleanup(log.close)
	return &telemetry.Telemetry{
		TracerProvider: sdktrace.NewTracerProvider(
			sdktrace.WithResource(res),
			sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample())),
			sdktrace.WithSpanProcessor(processor{r})),
		MeterProvider: meters,
		Propagator:    propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
		Registry:      registry,
		Logger:        slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})).With("service", service),
	}
}

// Spans returns the spans recorded so far.
func (r *Recorder) Spans() Spans {
	spans, _ := r.snapshot()
	return spans
}

// Reset forgets the spans recorded so far.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = nil
}

// WaitFor blocks until done accepts the spans recorded so far, and returns them. It calls done again whenever a span ends.
// After 10 s it ends the test and prints the traces it has seen, so it must be called from the test's goroutine.
func (r *Recorder) WaitFor(t testing.TB, done func(Spans) bool) Spans {
	t.Helper()
	timeout := time.NewTimer(waitTimeout)
	defer timeout.Stop()
	for {
		spans, ended := r.snapshot()
		if done(spans) {
			return spans
		}
		select {
		case <-ended:
		case <-timeout.C:
			t.Fatalf("the expected spans did not end within %v; these did:\n%s", waitTimeout, Tree(spans))
		}
	}
}

// snapshot returns the spans and a channel that is closed when there are more.
func (r *Recorder) snapshot() (Spans, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.spans), r.ended
}

// processor puts ended spans into the recorder, in the goroutine that ends them.
type processor struct{ *Recorder }

func (p processor) OnEnd(span sdktrace.ReadOnlySpan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spans = append(p.spans, tracetest.SpanStubFromReadOnlySpan(span))
	close(p.ended)
	p.ended = make(chan struct{})
}

func (processor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (processor) ForceFlush(context.Context) error                { return nil }
func (processor) Shutdown(context.Context) error                  { return nil }

// testOutput drops writes after close: package testing panics on them, and a service may log while it stops.
type testOutput struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *testOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

func (o *testOutput) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.w = io.Discard
}
