package telemetry

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// never is the SDK's own timer for a batch: promptly exports instead.
const never = 1000 * time.Hour

// promptly is a batch processor that exports delay after a span has ended, together with all that ended meanwhile. The SDK's own
// timer also runs while there are no spans, and wakes an idle process five times a second.
type promptly struct {
	sdktrace.SpanProcessor
	delay time.Duration
	ended chan struct{} // a signal that there are spans, at most one waiting
	stop  chan struct{}
	done  chan struct{}
}

// newPromptly starts a loop that ends with Shutdown.
func newPromptly(delay time.Duration, batches sdktrace.SpanProcessor) *promptly {
	p := &promptly{batches, delay, make(chan struct{}, 1), make(chan struct{}), make(chan struct{})}
	go p.run()
	return p
}

// OnEnd implements sdktrace.SpanProcessor.
func (p *promptly) OnEnd(span sdktrace.ReadOnlySpan) {
	p.SpanProcessor.OnEnd(span)
	select {
	case p.ended <- struct{}{}:
	default:
	}
}

func (p *promptly) run() {
	defer close(p.done)
	for {
		select {
		case <-p.ended:
		case <-p.stop:
			return
		}
		select {
		case <-time.After(p.delay):
		case <-p.stop:
			return
		}
		if err := p.ForceFlush(context.Background()); err != nil { // the exporter has a timeout
			otel.Handle(err)
		}
	}
}

// Shutdown implements sdktrace.SpanProcessor. It may be called once.
func (p *promptly) Shutdown(ctx context.Context) error {
	close(p.stop)
	err := p.SpanProcessor.Shutdown(ctx) // exports the rest, after a batch that is under way
	select {
	case <-p.done:
		return err
	case <-ctx.Done():
		return errors.Join(err, ctx.Err())
	}
}
