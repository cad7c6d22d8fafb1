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
)

// consumerInstrumentation is what one consumer records.
type consumerInstrumentation struct {
	*instrumentation
	sub        Subscription
	config     config
	identity   []attribute.KeyValue // the group and the consumer
	name       string               // of process spans
	atStart    []trace.SpanStartOption
	consumed   prometheus.Counter
	takenOver  prometheus.Counter
	lost       prometheus.Counter
	redriven   prometheus.Counter
	receive    prometheus.Observer
	ack        prometheus.Observer
	deadLetter prometheus.Observer
	processOf  *children[processKey, prometheus.Observer]
	endToEndOf *children[string, prometheus.Observer]
}

type processKey struct {
	eventType string
	outcome   outcome
	errorType string
}

func (i *instrumentation) consumer(sub Subscription, handlers Handlers, c config) *consumerInstrumentation {
	identity := []attribute.KeyValue{semconv.MessagingConsumerGroupName(sub.Group), semconv.MessagingClientID(c.name)}
	atStart := append(conventions.Operation("process", semconv.MessagingOperationTypeProcess, sub.Stream), identity...)
	ci := &consumerInstrumentation{
		instrumentation: i,
		sub:             sub,
		config:          c,
		identity:        identity,
		name:            "process " + sub.Stream,
		atStart:         []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(atStart...)},
		consumed:        i.consumed.WithLabelValues(sub.Stream, sub.Group),
		takenOver:       i.takenOver.WithLabelValues(sub.Stream, sub.Group),
		lost:            i.lost.WithLabelValues(sub.Stream, sub.Group),
		redriven:        i.redriven.WithLabelValues(sub.Stream, sub.Group),
		receive:         i.operation.WithLabelValues(sub.Stream, "receive"),
		ack:             i.operation.WithLabelValues(sub.Stream, "ack"),
		deadLetter:      i.operation.WithLabelValues(sub.Stream, "dead_letter"),
		processOf: newChildren(func(k processKey) prometheus.Observer {
			return i.process.WithLabelValues(sub.Stream, sub.Group, k.eventType, string(k.outcome), k.errorType)
		}),
		endToEndOf: newChildren(func(eventType string) prometheus.Observer {
			return i.endToEnd.WithLabelValues(sub.Stream, sub.Group, eventType)
		}),
	}
	for _, reason := range [...]string{reasonPermanent, reasonExhausted, reasonUndecodable, reasonUnknownVersion} {
		i.deadLetters.WithLabelValues(sub.Stream, sub.Group, reason)
	}
	ci.processOf.of(processKey{otherType, outcomeIgnored, ""})
	for eventType := range handlers {
		ci.processOf.of(processKey{eventType, outcomeAck, ""})
		ci.processOf.of(processKey{eventType, outcomeDuplicate, ""})
		ci.endToEndOf.of(eventType)
	}
	return ci
}

// startProcess opens the span of one attempt: a child of the message's creation context, which it links to as well,
// because a link is what OpenTelemetry's conventions promise to whoever reads the trace. With LinkOnly the link is all.
func (i *consumerInstrumentation) startProcess(ctx context.Context, d *delivery) (context.Context, trace.Span) {
	ctx = d.Headers.extract(ctx)
	creation := trace.SpanContextFromContext(ctx)
	options := i.atStart
	if i.linkOnly(ctx) {
		options = append(slices.Clip(options), trace.WithNewRoot())
	}
	ctx, span := i.tracer.Start(ctx, i.name, options...)
	if !span.IsRecording() {
		return ctx, span
	}
	for _, target := range []trace.SpanContext{creation, spanContextOf(d.Headers.Get(headerRedriveTraceparent))} {
		if target.IsValid() {
			span.AddLink(trace.Link{SpanContext: target})
		}
	}
	span.SetAttributes(conventions.Message(d.ID, d.Subject, d.Type)...)
	span.SetAttributes(
		semconv.MessagingDestinationPartitionID(strconv.Itoa(d.partition)),
		conventions.EntryID.String(d.entryID),
		conventions.DeliveryCount.Int64(d.Deliveries),
		conventions.StreamWait.Float64(milliseconds(max(0, d.started.Sub(entryTime(d.entryID))))))
	for _, name := range i.config.baggage {
		if value := baggage.FromContext(ctx).Member(name).Value(); value != "" {
			span.SetAttributes(attribute.String(name, value))
		}
	}
	if d.takenFrom != "" {
		i.describeTakeover(span, d)
	}
	return ctx, span
}

// describeTakeover tells of the attempt that left no span, because its process is gone.
func (i *consumerInstrumentation) describeTakeover(span trace.Span, d *delivery) {
	from := conventions.TakenOverFrom.String(d.takenFrom)
	span.SetAttributes(from)
	span.AddEvent("takeover", trace.WithAttributes(from,
		conventions.DeliveryCount.Int64(d.Deliveries-1),
		attribute.String("last_seen_at", d.started.Add(-d.takenIdle).UTC().Format(time.RFC3339Nano))))
}

func (i *consumerInstrumentation) linkOnly(ctx context.Context) bool {
	return i.config.relation == LinkOnly ||
		i.config.testMode && baggage.FromContext(ctx).Member("clew.relation").Value() == "link"
}

func (i *consumerInstrumentation) endProcess(span trace.Span, d *delivery, err error) {
	outcome, now := outcomeOf(err), time.Now()
	if span.IsRecording() {
		span.SetAttributes(conventions.Outcome.String(string(outcome)))
		if class := Classify(err); class != "" {
			fail(span, err)
		}
	}
	span.End()
	observe(i.processOf.of(processKey{d.Type, outcome, Classify(err)}), now.Sub(d.started).Seconds(), span.SpanContext())
	_, redriven := d.Headers[headerRedriveGroup]
	_, replayed := d.Headers[headerReplayed]
	if outcome == outcomeAck && !d.Time.IsZero() && !redriven && !replayed {
		observe(i.endToEndOf.of(d.Type), now.Sub(d.Time).Seconds(), span.SpanContext())
	}
}

// startDeadLetter opens the span of a move to the dead letters: a child of the creation context, if there is one, with
// a link to the last attempt, if that is known.
func (i *consumerInstrumentation) startDeadLetter(
	ctx context.Context, d delivery, reason string, attempt trace.SpanContext,
) (context.Context, trace.Span) {
	ctx, span := i.tracer.Start(d.Headers.extract(ctx), "dead_letter "+i.sub.Stream, trace.WithSpanKind(trace.SpanKindClient))
	if !span.IsRecording() {
		return ctx, span
	}
	if attempt.IsValid() {
		span.AddLink(trace.Link{SpanContext: attempt})
	}
	span.SetAttributes(conventions.Operation("dead_letter", semconv.MessagingOperationTypeSettle, i.sub.Stream)...)
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

// endDeadLetter ends the span; added is the dead letter's id, or what the script says instead.
func (i *consumerInstrumentation) endDeadLetter(span trace.Span, reason, added string, took time.Duration, err error) {
	i.deadLetter.Observe(took.Seconds())
	switch {
	case err != nil:
		fail(span, err)
	case added == "":
		return // another consumer was faster: a span that is not ended is not exported
	case added != "lost":
		i.deadLetters.WithLabelValues(i.sub.Stream, i.sub.Group, reason).Inc()
	}
	span.End()
}
