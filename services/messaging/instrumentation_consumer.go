package messaging

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"example.com/clew/services/messaging/internal/conventions"
	"example.com/clew/services/messaging/internal/histogram"
	"example.com/clew/services/messaging/internal/labels"
)

// consumerInstrumentation has the metrics and spans of one consumer.
type consumerInstrumentation struct {
	*instrumentation
	member     *member
	identity   []attribute.KeyValue // the group and the consumer
	name       string               // of process spans
	attributes []attribute.KeyValue // of process spans, from their start
	atStart    []trace.SpanStartOption
	consumed   prometheus.Counter
	takenOver  prometheus.Counter
	lost       prometheus.Counter
	redriven   prometheus.Counter
	receive    prometheus.Observer
	ack        prometheus.Observer
	deadLetter prometheus.Observer
	processOf  *labels.Cache[processKey, *histogram.Histogram]
	endToEndOf *labels.Cache[string, *histogram.Histogram]
}

type processKey struct {
	eventType string
	outcome   outcome
	errorType string
}

func (i *instrumentation) consumer(m *member, handlers map[string]handle) *consumerInstrumentation {
	identity := []attribute.KeyValue{semconv.MessagingConsumerGroupName(m.Group), semconv.MessagingClientID(m.Name)}
	attributes := append(i.about("process", semconv.MessagingOperationTypeProcess, m.stream), identity...)
	ci := &consumerInstrumentation{
		instrumentation: i,
		member:          m,
		identity:        identity,
		name:            "process " + m.stream,
		attributes:      attributes,
		atStart:         []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attributes...)},
		consumed:        i.consumed.WithLabelValues(m.stream, m.Group),
		takenOver:       i.takenOver.WithLabelValues(m.stream, m.Group),
		lost:            i.lost.WithLabelValues(m.stream, m.Group),
		redriven:        i.redriven.WithLabelValues(m.stream, m.Group),
		receive:         i.operation.WithLabelValues(m.stream, "receive"),
		ack:             i.operation.WithLabelValues(m.stream, "ack"),
		deadLetter:      i.operation.WithLabelValues(m.stream, "dead_letter"),
		processOf: labels.NewCache(func(k processKey) *histogram.Histogram {
			return histogram.New(i.process.WithLabelValues(
				m.stream, m.Group, k.eventType, string(k.outcome), k.errorType), histogram.Waits)
		}),
		endToEndOf: labels.NewCache(func(eventType string) *histogram.Histogram {
			return histogram.New(i.endToEnd.WithLabelValues(m.stream, m.Group, eventType), histogram.Waits)
		}),
	}
	for _, reason := range [...]string{reasonPermanent, reasonExhausted, reasonUndecodable, reasonUnknownVersion} {
		i.deadLetters.WithLabelValues(m.stream, m.Group, reason)
	}
	ci.processOf.Of(processKey{otherType, outcomeIgnored, ""})
	for eventType := range handlers {
		ci.processOf.Of(processKey{eventType, outcomeAck, ""})
		ci.processOf.Of(processKey{eventType, outcomeDuplicate, ""})
		ci.endToEndOf.Of(eventType)
	}
	return ci
}

// startProcess opens the span of one attempt: a child of the message's creation context, which it links to as well,
// because OpenTelemetry's conventions promise a link. With LinkOnly there is only the link.
func (i *consumerInstrumentation) startProcess(ctx context.Context, d *delivery) (context.Context, trace.Span) {
	ctx = d.Headers.extract(ctx)
	creation := trace.SpanContextFromContext(ctx)
	options, late := i.atStart, false
	switch {
	case i.linkOnly(ctx):
		options = append(slices.Clip(options), trace.WithNewRoot())
	case creation.IsValid() && !creation.IsSampled():
		options, late = options[:1], true // a message that is not sampled should not cost a copy of them
	}
	ctx, span := i.tracer.Start(ctx, i.name, options...)
	if !span.IsRecording() {
		return ctx, span
	}
	if late { // a sampler that does not follow its parent
		span.SetAttributes(i.attributes...)
	}
	if creation.IsValid() {
		span.AddLink(trace.Link{SpanContext: creation})
	}
	if redrive := d.Headers[headerRedriveTraceparent]; redrive != "" {
		if target := spanContextOf(redrive); target.IsValid() {
			span.AddLink(trace.Link{SpanContext: target})
		}
	}
	if d.takenFrom != "" { // by an attempt that left no span, because its process is gone
		span.AddEvent("takeover", trace.WithAttributes(
			conventions.TakenOverFrom.String(clean(d.takenFrom, maxAttributeBytes)),
			conventions.DeliveryCount.Int64(d.Deliveries-1),
			attribute.String("last_seen_at", d.started.Add(-d.takenIdle).UTC().Format(time.RFC3339Nano))))
	}
	return ctx, span
}

func (i *consumerInstrumentation) linkOnly(ctx context.Context) bool {
	return i.member.Relation == LinkOnly ||
		i.member.TestMode && baggage.FromContext(ctx).Member("clew.relation").Value() == "link"
}

func (i *consumerInstrumentation) endProcess(ctx context.Context, span trace.Span, d *delivery, err error) {
	outcome, now := outcomeOf(err), time.Now()
	if span.IsRecording() {
		i.describe(ctx, span, d, outcome)
		if class := Classify(err); class != "" {
			fail(span, err)
		}
	}
	span.End()
	i.processOf.Of(processKey{d.Type, outcome, Classify(err)}).Observe(now.Sub(d.started).Seconds(), span.SpanContext())
	_, redriven := d.Headers[headerRedriveGroup]
	_, replayed := d.Headers[headerReplayed]
	if outcome == outcomeAck && !d.Time.IsZero() && !redriven && !replayed {
		i.endToEndOf.Of(d.Type).Observe(now.Sub(d.Time).Seconds(), span.SpanContext())
	}
}

// describe sets all attributes at once, because each call costs.
func (i *consumerInstrumentation) describe(ctx context.Context, span trace.Span, d *delivery, outcome outcome) {
	attributes := append(conventions.Message(d.ID, d.Subject, d.Type),
		semconv.MessagingDestinationPartitionID(strconv.Itoa(d.partition)),
		conventions.EntryID.String(d.entryID),
		conventions.DeliveryCount.Int64(d.Deliveries),
		conventions.StreamWait.Float64(milliseconds(max(0, d.started.Sub(entryTime(d.entryID))))),
		conventions.Outcome.String(string(outcome)))
	if d.takenFrom != "" {
		attributes = append(attributes, conventions.TakenOverFrom.String(clean(d.takenFrom, maxAttributeBytes)))
	}
	for _, name := range i.member.BaggageAttributes {
		if value := baggage.FromContext(ctx).Member(name).Value(); value != "" {
			attributes = append(attributes, attribute.String(name, clean(value, maxAttributeBytes)))
		}
	}
	span.SetAttributes(attributes...)
}

// startDeadLetter opens the span of a move to the dead letters: a child of the creation context, if there is one, with
// a link to the last attempt, if that is known.
func (i *consumerInstrumentation) startDeadLetter(
	ctx context.Context, d *delivery, reason string, attempt trace.SpanContext,
) (context.Context, trace.Span) {
	ctx, span := i.tracer.Start(d.Headers.extract(ctx), "dead_letter "+i.member.stream, trace.WithSpanKind(trace.SpanKindClient))
	if !span.IsRecording() {
		return ctx, span
	}
	if attempt.IsValid() {
		span.AddLink(trace.Link{SpanContext: attempt})
	}
	span.SetAttributes(i.about("dead_letter", semconv.MessagingOperationTypeSettle, i.member.stream)...)
	span.SetAttributes(i.identity...)
	if d.malformed == nil { // else nothing in it can be trusted to be text
		span.SetAttributes(conventions.Message(d.ID, d.Subject, d.Type)...)
	}
	span.SetAttributes(
		semconv.MessagingDestinationPartitionID(strconv.Itoa(d.partition)),
		conventions.EntryID.String(d.entryID),
		conventions.DeliveryCount.Int64(d.Deliveries),
		conventions.Reason.String(reason))
	return ctx, span
}

// endDeadLetter ends the span; added is the script's answer: the dead letter's id, "lost" or "".
func (i *consumerInstrumentation) endDeadLetter(span trace.Span, reason, added string, took time.Duration, err error) {
	i.deadLetter.Observe(took.Seconds())
	switch {
	case err != nil:
		fail(span, err)
	case added == "":
		return // another consumer was faster: a span that is not ended is not exported
	case added != "lost":
		i.deadLetters.WithLabelValues(i.member.stream, i.member.Group, reason).Inc()
	}
	span.End()
}
