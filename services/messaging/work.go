package messaging

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// otherType is the label of types that no handler is for, so that strangers' names do not become labels.
const otherType = "other"

// unfinished are entries that a consumer gives back when it stops.
type unfinished struct {
	mu  sync.Mutex
	ids [][]string // by partition
}

func (u *unfinished) add(d delivery) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ids[d.partition] = append(u.ids[d.partition], d.entryID)
}

// work processes deliveries until the queue is closed and empty. Handlers begin before ctx ends and run in work, which
// ends later: what is not begun by the one or not finished by the other is unfinished.
func (c *Consumer) work(ctx, work context.Context, unfinished *unfinished) {
	for d := range c.queue.ready {
		leave, ok := c.outage.enter(ctx)
		if !ok {
			unfinished.add(d)
			c.queue.done(d)
			c.queue.free(d.partition, d.entryID)
			continue
		}
		outcome, err := c.process(work, &d)
		leave(outcome == outcomeUnavailable)
		switch {
		case outcome == outcomeAck || outcome == outcomeDuplicate || outcome == outcomeIgnored:
			c.queue.done(d)
			c.ackers[d.partition].add(d.entryID)
			continue // held until it is acknowledged
		case work.Err() != nil: // cancelled: its failure says nothing about the message
			unfinished.add(d)
		case outcome == outcomeUnavailable:
			c.queue.again(d)
			continue // still held
		case outcome == outcomeRetry:
			c.retry(work, d, err)
		default:
			c.deadLetter(work, d, err)
		}
		c.queue.done(d)
		c.queue.free(d.partition, d.entryID)
	}
}

// process makes one attempt at a delivery, or finds that there is nothing to attempt.
func (c *Consumer) process(ctx context.Context, d *delivery) (outcome, error) {
	d.started = time.Now()
	d.read()
	handler, handled := c.handlers[d.Type]
	group, redriven := d.Headers[headerRedriveGroup]
	switch {
	case d.malformed != nil:
		return c.refuse(ctx, d, undecodable(d.malformed))
	case redriven && group != c.sub.Group, !handled && !c.families[family(d.Type)]:
		c.instrumentation.processOf.of(processKey{otherType, outcomeIgnored, ""}).Observe(0, trace.SpanContext{})
		return outcomeIgnored, nil
	case !handled:
		return c.refuse(ctx, d, unknownVersion(d.Type))
	}
	ctx, span := c.instrumentation.startProcess(ctx, d)
	d.attempt = span.SpanContext()
	err := c.call(ctx, handler, d.Message)
	c.instrumentation.endProcess(ctx, span, d, err)
	c.log(ctx, d, err)
	return outcomeOf(err), err
}

// refuse is for a delivery that no handler can be asked about.
func (c *Consumer) refuse(ctx context.Context, d *delivery, err error) (outcome, error) {
	c.instrumentation.processOf.of(processKey{otherType, outcomeOf(err), Classify(err)}).Observe(0, trace.SpanContext{})
	c.log(ctx, d, err)
	return outcomeOf(err), err
}

// call runs a handler under its timeout and turns a panic into an error.
func (c *Consumer) call(ctx context.Context, handler Handler, m Message) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.handlerTimeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			c.logger.ErrorContext(ctx, "handler panicked", "type", m.Type, "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", ErrPanic, r)
		}
	}()
	return handler(ctx, m)
}

// log writes one line for an attempt that failed.
func (c *Consumer) log(ctx context.Context, d *delivery, err error) {
	if class := Classify(err); class != "" {
		c.logger.WarnContext(ctx, "attempt failed", "entry", d.entryID, "message", d.ID, "type", d.Type,
			"subject", d.Subject, "attempt", d.Deliveries, "outcome", string(outcomeOf(err)), "error.type", class, "error", err)
	}
}

// retry leaves a failed message for its next attempt, by whichever consumer of the group. If that fails too, the entry
// stays this consumer's, which finds it again as if it had been lost.
func (c *Consumer) retry(ctx context.Context, d delivery, cause error) {
	if d.Deliveries >= maxDeliveries {
		c.deadLetter(ctx, d, exhausted(cause))
		return
	}
	if err := c.release(ctx, d.partition, true, d.entryID); err != nil {
		c.logger.WarnContext(ctx, "leaving a message for its next attempt failed", "entry", d.entryID, "error", err)
	}
	select {
	case c.failed[d.partition] <- struct{}{}:
	default:
	}
}
