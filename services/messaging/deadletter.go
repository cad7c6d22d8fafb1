package messaging

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"
)

const (
	maxErrorBytes  = 1 << 10 // of the error in a dead letter
	maxEntryFields = 1_000   // of a dead letter; a script cannot add many more
)

// The headers of dead letters, and of redriven and replayed messages.
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

// exhausted marks the error of a message's last delivery.
func exhausted(err error) error { return marked{err, outcomeDeadLetter, reasonExhausted} }

// exhaust dead-letters an entry whose last delivery was to a consumer that died.
func (m *member) exhaust(ctx context.Context, partition int, e pendingEntry) {
	d := &delivery{partition: partition, entryID: e.ID, entry: e.XMessage}
	d.Stream, d.Deliveries = m.stream, e.deliveries
	d.read()
	cause := fmt.Errorf("%d deliveries, the last to %s, which was not heard of for %s", e.deliveries, e.owner, e.idle.Round(time.Millisecond))
	m.move(ctx, d, e.owner, exhausted(cause), trace.SpanContext{})
}

// deadLetter moves a message that this consumer holds to the dead letters.
func (m *member) deadLetter(ctx context.Context, d *delivery, cause error) {
	m.move(ctx, d, m.Name, cause, d.attempt)
}

// move adds an entry to the dead letters, if it is still pending with its owner. If that fails, the entry stays pending and
// is found again.
func (m *member) move(ctx context.Context, d *delivery, owner string, cause error, attempt trace.SpanContext) {
	reason := Classify(cause)
	ctx, span := m.instrumentation.startDeadLetter(ctx, d, reason, attempt)
	own := Headers{}
	own.inject(ctx)
	key := m.key(d.partition)
	started := time.Now()
	answering, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	added, err := deadLetter.Run(answering, m.client, []string{key, deadLetterKey(m.stream, d.partition)},
		m.Group, d.entryID, owner, MaxDataBytes, maxEntryFields,
		headerReason, reason,
		headerError, clean(cause.Error(), maxErrorBytes),
		headerAttempts, d.Deliveries,
		headerStream, m.stream,
		headerEntryID, d.entryID,
		headerGroup, m.Group,
		headerConsumer, clean(owner, maxAttributeBytes),
		headerTime, time.Now().UTC().Format(time.RFC3339Nano),
		headerTraceparent, own.Get("traceparent"),
	).Text()
	m.instrumentation.endDeadLetter(span, reason, added, time.Since(started), err)
	switch {
	case err != nil:
		m.logger.WarnContext(ctx, "dead-lettering failed", "entry", d.entryID, "error", err)
	case added == "lost":
		m.instrumentation.lost.Inc()
		m.logger.ErrorContext(ctx, "a message that failed was deleted from the stream: it is lost", "entry", d.entryID)
	case added != "":
		m.logger.ErrorContext(ctx, "message dead-lettered", "entry", d.entryID, "message", d.ID, "type", d.Type,
			"subject", d.Subject, "reason", reason, "attempts", d.Deliveries, "dead_letter", added, "error", cause)
	}
}
