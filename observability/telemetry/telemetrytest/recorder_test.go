package telemetrytest

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOneRecorderSeesAllServices(t *testing.T) {
	rec := NewRecorder()
	order, inventory := rec.Telemetry(t, "order"), rec.Telemetry(t, "inventory")

	// The context travels from one to the other as it does between processes.
	ctx, request := order.TracerProvider.Tracer("test").Start(t.Context(), "POST /orders", trace.WithSpanKind(trace.SpanKindServer))
	headers := propagation.MapCarrier{}
	order.Propagator.Inject(ctx, headers)
	_, process := inventory.TracerProvider.Tracer("test").Start(
		inventory.Propagator.Extract(t.Context(), headers), "process orders", trace.WithSpanKind(trace.SpanKindConsumer))
	process.End()
	request.End()

	want := "order: POST /orders [server]\n" +
		"  inventory: process orders [consumer]\n"
	if diff := cmp.Diff(want, Tree(rec.Spans())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	rec.Reset()
	if spans := rec.Spans(); len(spans) != 0 {
		t.Errorf("%d spans after Reset", len(spans))
	}
}

func TestEachServiceHasItsOwnRegistry(t *testing.T) {
	rec := NewRecorder()
	order, inventory := rec.Telemetry(t, "order"), rec.Telemetry(t, "inventory")
	counter, err := order.MeterProvider.Meter("test").Int64Counter("test.orders")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 1)
	for service, test := range map[string]struct {
		registry *prometheus.Registry
		want     int
	}{"order": {order.Registry, 1}, "inventory": {inventory.Registry, 0}} {
		if got, err := testutil.GatherAndCount(test.registry, "test_orders_total"); err != nil || got != test.want {
			t.Errorf("%s: %d series, want %d (%v)", service, got, test.want, err)
		}
	}
}

func TestWaitForReturnsOnceASpanEnds(t *testing.T) {
	rec := NewRecorder()
	tracer := rec.Telemetry(t, "order").TracerProvider.Tracer("test")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				_, span := tracer.Start(t.Context(), "send orders")
				span.End()
			}
		})
	}
	spans := rec.WaitFor(t, func(spans Spans) bool { return len(spans) == 8*50 })
	if len(spans) != 8*50 {
		t.Errorf("%d spans", len(spans))
	}
	wg.Wait()
}

func TestWaitForPrintsWhatItSaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := NewRecorder()
		_, span := rec.Telemetry(t, "order").TracerProvider.Tracer("test").Start(t.Context(), "POST /orders")
		span.End()

		fake := &fakeTest{TB: t}
		var wg sync.WaitGroup
		wg.Go(func() { rec.WaitFor(fake, func(Spans) bool { return false }) })
		wg.Wait() // ten seconds by the bubble's clock
		if !strings.Contains(fake.failure, "did not end within 10s; these did:\norder: POST /orders [internal]\n") {
			t.Errorf("failure: %s", fake.failure)
		}
	})
}

func TestLoggerFallsSilentWhenItsTestEnds(t *testing.T) {
	fake := &fakeTest{TB: t}
	log := NewRecorder().Telemetry(fake, "order").Logger
	log.Debug("starting")
	fake.cleanup()
	log.Info("still stopping") // a real test's output would panic
	if got := fake.output.String(); !strings.HasSuffix(got, "level=DEBUG msg=starting service=order\n") {
		t.Errorf("test output: %s", got)
	}
}

// fakeTest is a test that may fail.
type fakeTest struct {
	testing.TB
	failure string
	output  strings.Builder
	cleanup func()
}

func (f *fakeTest) Helper()           {}
func (f *fakeTest) Cleanup(fn func()) { f.cleanup = fn }
func (f *fakeTest) Output() io.Writer { return &f.output }
func (f *fakeTest) Error(args ...any) { f.failure += fmt.Sprintln(args...) }
func (f *fakeTest) Errorf(format string, args ...any) {
	f.failure += fmt.Sprintf(format, args...)
}

func (f *fakeTest) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}
