package messaging

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// otherType is the label of types that no handler is for, so that strangers' names do not become labels.
const otherType = "other"

// work processes deliveries until the queue is closed and empty. Once ctx has ended it only empties it: what no handler
// saw stays pending.
func (c *Consumer) work(ctx context.Context, ackers []*acker) {
	for d := range c.queue.ready {
		if ctx.Err() == nil && c.settled(c.process(ctx, d)) {
			ackers[d.partition].add(d.entryID)
		}
		c.queue.done(d)
	}
}

// settled says whether the group is done with a message of this outcome. The others stay in the pending list.
func (c *Consumer) settled(o outcome) bool {
	return o == outcomeAck || o == outcomeDuplicate || o == outcomeIgnored
}

// process makes one attempt at a delivery, or finds that there is nothing to attempt.
func (c *Consumer) process(ctx context.Context, d delivery) outcome {
	d.started = time.Now()
	handler, handled := c.handlers[d.Type]
	switch {
	case d.malformed != nil:
		return c.refuse(ctx, d, undecodable(d.malformed))
	case !handled && c.families[family(d.Type)]:
		return c.refuse(ctx, d, unknownVersion(d.Type))
	case !handled:
		c.instrumentation.processOf.of(processKey{otherType, outcomeIgnored, ""}).Observe(0)
		return outcomeIgnored
	}
	ctx, span := c.instrumentation.startProcess(ctx, d)
	err := c.call(ctx, handler, d.Message)
	c.instrumentation.endProcess(span, d, err)
	c.log(ctx, d, err)
	return outcomeOf(err)
}

// refuse is for a delivery that no handler can be asked about.
func (c *Consumer) refuse(ctx context.Context, d delivery, err error) outcome {
	d.Type = otherType
	c.instrumentation.processOf.of(processKey{d.Type, outcomeOf(err), Classify(err)}).Observe(0)
	c.log(ctx, d, err)
	return outcomeOf(err)
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
func (c *Consumer) log(ctx context.Context, d delivery, err error) {
	if class := Classify(err); class != "" {
		c.logger.WarnContext(ctx, "attempt failed", "entry", d.entryID, "message", d.ID, "type", d.Type,
			"subject", d.Subject, "attempt", d.count, "outcome", outcomeOf(err), "error.type", class, "error", err)
	}
}
