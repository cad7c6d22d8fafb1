package messaging

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"
)

const (
	maxDeliveries = 5

	maxErrorBytes  = 1 << 10 // of the error that a dead letter tells
	maxEntryFields = 1_000   // of a dead letter; a script cannot add very many
)

// The headers of dead letters and of what was redriven.
const (
	headerReason      = "dlqreason"
	headerError       = "dlqerror"
	headerAttempts    = "dlqattempts"
	headerStream      = "dlqstream"
	headerEntryID     = "dlqentryid"
	headerGroup       = "dlqgroup"
	headerConsumer    = "dlqconsumer"
	headerTime        = "dlqtime"
	headerTraceparent = "dlqtraceparent"

	headerRedriveCount       = "redrivecount"
	headerRedriveGroup       = "redrivegroup"
	headerRedriveTraceparent = "redrivetraceparent"
	headerReplayed           = "replayed"
)

// exhausted marks the error of the last delivery that a message has.
func exhausted(err error) error { return marked{err, outcomeDeadLetter, reasonExhausted} }

// giveUp dead-letters an entry that had all its deliveries without anybody saying how the last one ended.
func (c *Consumer) giveUp(ctx context.Context, partition int, e pendingEntry) {
	d := delivery{partition: partition, entryID: e.ID, entry: e.XMessage}
	d.Stream, d.Deliveries = c.sub.Stream, e.deliveries
	d.read()
	cause := fmt.Errorf("%d deliveries, the last to %s, which was not heard of for %s", e.deliveries, e.owner, e.idle.Round(time.Millisecond))
	c.move(ctx, d, e.owner, exhausted(cause), trace.SpanContext{})
}

// deadLetter moves a message that this consumer holds to the dead letters.
func (c *Consumer) deadLetter(ctx context.Context, d delivery, cause error) {
	c.move(ctx, d, c.name, cause, d.attempt)
}

// move adds an entry to the dead letters, if it is still pending with its owner. If that fails, the entry stays where it
// is, and is found again.
func (c *Consumer) move(ctx context.Context, d delivery, owner string, cause error, attempt trace.SpanContext) {
	reason := Classify(cause)
	ctx, span := c.instrumentation.startDeadLetter(ctx, d, reason, attempt)
	own := Headers{}
	own.inject(ctx)
	key := StreamKey(c.sub.Stream, d.partition)
	started := time.Now()
	added, err := deadLetter.Run(ctx, c.client, []string{key, deadLetterKey(c.sub.Stream, d.partition)},
		c.sub.Group, d.entryID, owner, MaxDataBytes, maxEntryFields,
		headerReason, reason,
		headerError, clean(cause.Error(), maxErrorBytes),
		headerAttempts, d.Deliveries,
		headerStream, c.sub.Stream,
		headerEntryID, d.entryID,
		headerGroup, c.sub.Group,
		headerConsumer, clean(owner, maxAttributeBytes),
		headerTime, time.Now().UTC().Format(time.RFC3339Nano),
		headerTraceparent, own.Get("traceparent"),
	).Text()
	c.instrumentation.endDeadLetter(span, reason, added, time.Since(started), err)
	switch {
	case err != nil:
		c.logger.WarnContext(ctx, "dead-lettering failed", "entry", d.entryID, "error", err)
	case added == "lost":
		c.instrumentation.lost.Inc()
		c.logger.ErrorContext(ctx, "a message that failed was deleted from the stream: it is lost", "entry", d.entryID)
	case added != "":
		c.logger.ErrorContext(ctx, "message dead-lettered", "entry", d.entryID, "message", d.ID, "type", d.Type,
			"subject", d.Subject, "reason", reason, "attempts", d.Deliveries, "dead_letter", added, "error", cause)
	}
}
