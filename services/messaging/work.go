package messaging

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// otherType is the label of all types without a handler, so that foreign names do not become labels.
const otherType = "other"

// workers run the handlers of a consumer.
type workers struct {
	*Consumer
	handlers map[string]handle // by type
	families map[string]bool   // of the handled types

	mu         sync.Mutex
	unfinished [][]string // by partition: entries to give back at the end
}

func newWorkers(c *Consumer, handlers map[string]handle) *workers {
	w := &workers{Consumer: c, handlers: handlers, families: map[string]bool{}, unfinished: make([][]string, c.Partitions)}
	for eventType := range handlers {
		w.families[family(eventType)] = true
	}
	return w
}

// run is one worker. It processes deliveries until the queue is closed and empty. Handlers start only before ctx ends, and run
// in work, which ends later: a message that was not started by then, or not finished when work ends, is unfinished.
func (w *workers) run(ctx, work context.Context, worker int) {
	for d := w.queue.next(worker); d != nil; d = w.queue.next(worker) {
		leave, ok := w.outage.enter(ctx)
		if !ok {
			w.giveUp(d)
			continue
		}
		outcome, err := w.process(work, d)
		leave(outcome == outcomeUnavailable)
		switch {
		case outcome == outcomeAck || outcome == outcomeDuplicate || outcome == outcomeIgnored:
			w.queue.done(d)
			w.ackers[d.partition].add(d.entryID)
			continue // held until it is acknowledged
		case work.Err() != nil: // cancelled: its failure says nothing about the message
			w.giveUp(d)
			continue
		case outcome == outcomeUnavailable:
			w.giveBack(work)
			w.queue.repeat(d)
			continue // still held
		case outcome == outcomeContended:
			w.again(work, d, w.forbear(d), false)
		case outcome == outcomeRetry && d.Deliveries < w.Deliveries:
			w.again(work, d, w.backoff(d.Deliveries), true)
		case outcome == outcomeRetry:
			w.deadLetter(work, d, exhausted(err))
		default:
			w.deadLetter(work, d, err)
		}
		w.queue.done(d)
		w.queue.free(d.partition, d.entryID)
	}
}

// giveUp keeps an unfinished delivery for the end of the consumer, which gives it back.
func (w *workers) giveUp(d *delivery) {
	w.mu.Lock()
	w.unfinished[d.partition] = append(w.unfinished[d.partition], d.entryID)
	w.mu.Unlock()
	w.queue.done(d)
	w.queue.free(d.partition, d.entryID)
}

// giveBack gives messages that are not begun to other consumers, which may reach the dependency.
func (w *workers) giveBack(ctx context.Context) {
	for partition := range w.Partitions {
		if err := w.release(ctx, partition, 0, false, w.queue.giveBack(partition, 0)...); err != nil {
			w.logger.WarnContext(ctx, "giving back messages failed", "key", w.key(partition), "error", err)
		}
	}
}

// again leaves a message for another attempt by any consumer of the group. If that fails, the entry stays this consumer's,
// which claims it after its silence.
func (w *workers) again(ctx context.Context, d *delivery, wait time.Duration, spent bool) {
	if err := w.release(ctx, d.partition, wait, spent, d.entryID); err != nil {
		w.logger.WarnContext(ctx, "leaving a message for its next attempt failed", "entry", d.entryID, "error", err)
	}
	w.claimers[d.partition].expect(wait)
}

// process makes one attempt at a delivery, unless the message is unreadable, of another version, or not for this group.
func (w *workers) process(ctx context.Context, d *delivery) (outcome, error) {
	d.started = time.Now()
	d.read()
	handler, handled := w.handlers[d.Type]
	group, redriven := d.Headers[headerRedriveGroup]
	switch {
	case d.malformed != nil:
		return w.refuse(ctx, d, undecodable(d.malformed))
	case redriven && group != w.Group, !handled && !w.families[family(d.Type)]:
		w.instrumentation.processOf.Of(processKey{otherType, outcomeIgnored, ""}).Observe(0, trace.SpanContext{})
		return outcomeIgnored, nil
	case !handled:
		return w.refuse(ctx, d, unknownVersion(d.Type))
	}
	ctx, span := w.instrumentation.startProcess(ctx, d)
	d.attempt = span.SpanContext()
	err := w.call(ctx, handler, d.Message)
	w.instrumentation.endProcess(ctx, span, d, err)
	w.log(ctx, d, err)
	return outcomeOf(err), err
}

// refuse counts and logs a delivery that no handler gets.
func (w *workers) refuse(ctx context.Context, d *delivery, err error) (outcome, error) {
	w.instrumentation.processOf.Of(processKey{otherType, outcomeOf(err), Classify(err)}).Observe(0, trace.SpanContext{})
	w.log(ctx, d, err)
	return outcomeOf(err), err
}

// call runs a handler under its timeout and turns a panic into an error.
func (w *workers) call(ctx context.Context, handler handle, m Message) (err error) {
	attempt := newAttempt(ctx, w.HandlerTimeout)
	defer attempt.end()
	defer func() {
		if r := recover(); r != nil {
			w.logger.ErrorContext(ctx, "handler panicked", "type", m.Type, "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", ErrPanic, r)
		}
	}()
	return handler(attempt, m)
}

// log writes one line for an attempt that failed.
func (w *workers) log(ctx context.Context, d *delivery, err error) {
	if class := Classify(err); class != "" {
		w.logger.WarnContext(ctx, "attempt failed", "entry", d.entryID, "message", d.ID, "type", d.Type,
			"subject", d.Subject, "attempt", d.Deliveries, "outcome", string(outcomeOf(err)), "error.type", class, "error", err)
	}
}
