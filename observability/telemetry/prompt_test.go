package telemetry

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestSpansAreExportedSoonAfterTheyHaveEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exported := tracetest.NewInMemoryExporter()
		delay := 200 * time.Millisecond
		provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(newPromptly(delay,
			sdktrace.NewBatchSpanProcessor(exported, sdktrace.WithBatchTimeout(never)))))
		end := func(name string) {
			_, span := provider.Tracer("").Start(t.Context(), name)
			span.End()
			synctest.Wait()
		}
		expect := func(when string, want ...string) {
			t.Helper()
			synctest.Wait()
			var got []string
			for _, span := range exported.GetSpans() {
				got = append(got, span.Name)
			}
			exported.Reset()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		end("a")
		time.Sleep(delay / 2)
		end("b")
		expect("before the delay is over")
		time.Sleep(delay / 2)
		expect("after it", "a", "b")
		time.Sleep(time.Hour)
		end("c")
		expect("a span after an hour")
		time.Sleep(delay)
		expect("its delay later", "c")
		end("d")
		if err := provider.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
