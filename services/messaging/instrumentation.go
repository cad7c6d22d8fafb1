package messaging

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"example.com/clew/services/messaging/internal/conventions"
	"example.com/clew/services/messaging/internal/histogram"
	"example.com/clew/services/messaging/internal/labels"
)

// The labels of the metrics: attribute names of OpenTelemetry's conventions, and ours.
const (
	labelSystem    = "messaging_system"
	labelStream    = "messaging_destination_name"
	labelGroup     = "messaging_consumer_group_name"
	labelOperation = "messaging_operation_name"
	labelType      = "event_type"
	labelErrorType = "error_type"
	labelOutcome   = "outcome"
	labelReason    = "reason"
	labelPartition = "messaging_destination_partition_id"
)

// WaitBuckets returns the bucket boundaries, in seconds, of this module's histograms of waits: 5 ms to 5 minutes. A service
// that gives its own histograms the same can compare them. The caller may change the slice.
func WaitBuckets() []float64 { return slices.Clone(histogram.Waits) }

// instrumentation has the spans and metrics of publishers and consumers.
type instrumentation struct {
	tracer      trace.Tracer
	server      []attribute.KeyValue // that spans are about
	sent        *prometheus.CounterVec
	consumed    *prometheus.CounterVec
	takenOver   *prometheus.CounterVec
	lost        *prometheus.CounterVec
	deadLetters *prometheus.CounterVec
	redriven    *prometheus.CounterVec
	operation   *prometheus.HistogramVec
	process     *prometheus.HistogramVec
	endToEnd    *prometheus.HistogramVec
}

func newInstrumentation(client redis.UniversalClient, tp trace.TracerProvider, reg prometheus.Registerer) *instrumentation {
	// The metrics that OpenTelemetry's conventions define have the label that they demand.
	defined := prometheus.Labels{labelSystem: conventions.System}
	timing := func(name, help string, constant prometheus.Labels, labels ...string) *prometheus.HistogramVec {
		return register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: histogram.Waits, ConstLabels: constant,
		}, labels))
	}
	counter := func(name, help string, constant prometheus.Labels, labels ...string) *prometheus.CounterVec {
		return register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: constant}, labels))
	}
	return &instrumentation{
		tracer: tp.Tracer(conventions.Scope, trace.WithSchemaURL(semconv.SchemaURL)),
		server: server(client),
		sent: counter("messaging_client_sent_messages_total",
			"Messages that a publisher tried to add to a stream.", defined, labelStream, labelType, labelErrorType),
		consumed: counter("messaging_client_consumed_messages_total",
			"Messages delivered to a consumer group, each delivery counted.", defined, labelStream, labelGroup),
		takenOver: counter("messaging_taken_over_messages_total",
			"Messages taken over from a consumer that fell silent.", nil, labelStream, labelGroup),
		lost: counter("messaging_lost_messages_total",
			"Messages that were deleted from the stream while they were pending.", nil, labelStream, labelGroup),
		deadLetters: counter("messaging_dead_letters_total",
			"Messages moved to the dead letters.", nil, labelStream, labelGroup, labelReason),
		redriven: counter("messaging_redriven_messages_total",
			"Dead letters that an operator moved back, and that were delivered again.", nil, labelStream, labelGroup),
		operation: timing("messaging_client_operation_duration_seconds",
			"Time that a command on a stream took; receive includes the wait for messages.", defined, labelStream, labelOperation),
		process: timing("messaging_process_duration_seconds",
			"Time that a handler took, by outcome.", defined, labelStream, labelGroup, labelType, labelOutcome, labelErrorType),
		endToEnd: timing("messaging_end_to_end_duration_seconds",
			"Time from an event's creation to the end of its processing.", nil, labelStream, labelGroup, labelType),
	}
}

// server returns the address of the client's Redis, if there is only one.
func server(client redis.UniversalClient) []attribute.KeyValue {
	single, ok := client.(*redis.Client)
	if !ok {
		return nil
	}
	options := single.Options()
	if options.Network == "unix" {
		return []attribute.KeyValue{semconv.ServerAddress(options.Addr)}
	}
	host, text, err := net.SplitHostPort(options.Addr)
	port, errPort := strconv.Atoi(text)
	if err != nil || errPort != nil {
		return nil
	}
	return []attribute.KeyValue{semconv.ServerAddress(host), semconv.ServerPort(port)}
}

// about returns the attributes that all spans of an operation on a stream have, with room for more.
func (i *instrumentation) about(operation string, kind attribute.KeyValue, stream string) []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, 0, 16)
	return append(append(attributes, conventions.Operation(operation, kind, stream)...), i.server...)
}

// register adds a collector, or returns the equal one that another publisher or consumer of this process added.
func register[C prometheus.Collector](reg prometheus.Registerer, collector C) C {
	if reg == nil {
		return collector
	}
	var already prometheus.AlreadyRegisteredError
	if err := reg.Register(collector); errors.As(err, &already) {
		return already.ExistingCollector.(C)
	} else if err != nil {
		panic(err) // two definitions of one metric: a mistake in the program
	}
	return collector
}

// fail marks a span as failed, as RecordError does, but cleans the error's text, which another program may have written.
func fail(span trace.Span, err error) {
	text := clean(err.Error(), maxErrorBytes)
	span.AddEvent(semconv.ExceptionEventName, trace.WithAttributes(
		semconv.ExceptionType(fmt.Sprintf("%T", err)), semconv.ExceptionMessage(text)))
	span.SetStatus(codes.Error, text)
	span.SetAttributes(semconv.ErrorTypeKey.String(Classify(err)))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// publisherInstrumentation has the metrics and spans of one publisher.
type publisherInstrumentation struct {
	*instrumentation
	sentOf *labels.Cache[sentKey, prometheus.Counter]
	sendOf *labels.Cache[string, send]
}

// A send is common to all messages that are sent to a stream.
type send struct {
	name       string // of spans
	attributes []attribute.KeyValue
	duration   prometheus.Observer
}

type sentKey struct{ stream, eventType, errorType string }

func (i *instrumentation) publisher(types []EventType) publisherInstrumentation {
	p := publisherInstrumentation{
		i,
		labels.NewCache(func(k sentKey) prometheus.Counter {
			return i.sent.WithLabelValues(k.stream, clean(k.eventType, maxAttributeBytes), k.errorType)
		}),
		labels.NewCache(func(stream string) send {
			return send{
				"send " + stream, i.about("send", semconv.MessagingOperationTypeSend, stream),
				i.operation.WithLabelValues(stream, "send"),
			}
		}),
	}
	for _, t := range types {
		p.sendOf.Of(t.Stream)
		p.sentOf.Of(sentKey{t.Stream, t.Type, ""})
	}
	return p
}

// startSend opens the span of one XADD, in the message's own context: it belongs to the trace that created the message,
// wherever the relay runs.
func (i publisherInstrumentation) startSend(ctx context.Context, m Message) trace.Span {
	_, span := i.tracer.Start(ctx, i.sendOf.Of(m.Stream).name, trace.WithSpanKind(trace.SpanKindClient))
	return span
}

// endSend ends the span of a message that was sent at a time, or could not be because it is not valid.
func (i publisherInstrumentation) endSend(span trace.Span, m Message, at time.Time, partition int, entryID string, err error) {
	if span.IsRecording() {
		i.describe(span, m, at, partition, entryID, err)
	}
	span.End()
	i.sentOf.Of(sentKey{m.Stream, m.Type, Classify(err)}).Inc()
}

// describe sets all attributes at once, because each call costs.
func (i publisherInstrumentation) describe(span trace.Span, m Message, at time.Time, partition int, entryID string, err error) {
	attributes := append(slices.Clip(i.sendOf.Of(m.Stream).attributes),
		semconv.MessagingDestinationPartitionID(strconv.Itoa(partition)),
		conventions.OutboxWait.Float64(milliseconds(at.Sub(m.Time))))
	if !IsPermanent(err) { // else nothing in it can be trusted to be text
		attributes = append(attributes, conventions.Message(m.ID, m.Subject, m.Type)...)
	}
	if err == nil {
		attributes = append(attributes, conventions.EntryID.String(entryID))
	}
	span.SetAttributes(attributes...)
	if err != nil {
		fail(span, err)
	}
}

// startRedrive opens the span of an operator's redrive: in the operator's trace, with links to the message's.
func (i *instrumentation) startRedrive(ctx context.Context, stream string, d DeadLetter) (context.Context, trace.Span) {
	ctx, span := i.tracer.Start(ctx, "redrive "+stream, trace.WithSpanKind(trace.SpanKindClient))
	if !span.IsRecording() {
		return ctx, span
	}
	for _, traceparent := range []string{d.Message.Headers.Get("traceparent"), d.traceparent} {
		if target := spanContextOf(traceparent); target.IsValid() {
			span.AddLink(trace.Link{SpanContext: target})
		}
	}
	span.SetAttributes(i.about("redrive", semconv.MessagingOperationTypeSend, stream)...)
	span.SetAttributes(
		semconv.MessagingConsumerGroupName(clean(d.Group, maxAttributeBytes)),
		semconv.MessagingDestinationPartitionID(strconv.Itoa(d.Partition)))
	if check(d.Message) == nil { // else nothing in it can be trusted to be text
		span.SetAttributes(conventions.Message(d.Message.ID, d.Message.Subject, d.Message.Type)...)
	}
	return ctx, span
}
