package telemetrytest

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// An order whose first attempt times out, and the redrive that sends it again: everything that Tree shows.
func exampleSpans() Spans {
	request := span(1, 1, 0, "order", "POST /orders", trace.SpanKindServer)
	create := span(1, 2, 1, "order", "create orders", trace.SpanKindProducer)
	send := span(1, 3, 2, "order", "send orders", trace.SpanKindClient, semconv.MessagingDestinationName("orders"))

	first := span(1, 4, 2, "inventory", "process orders", trace.SpanKindConsumer,
		semconv.MessagingDestinationName("orders"), semconv.ErrorTypeKey.String("timeout"))
	first.Status.Code = codes.Error
	second := span(1, 5, 2, "inventory", "process orders", trace.SpanKindConsumer, semconv.MessagingDestinationName("orders"))
	second.Events = []sdktrace.Event{{Name: "takeover"}, {Name: "reserved"}}
	second.Links = []sdktrace.Link{
		{SpanContext: create.SpanContext},
		{SpanContext: spanContext(2, 1)},
		{SpanContext: spanContext(2, 9)},
	}

	redrive := span(2, 1, 7, "order", "redrive orders", trace.SpanKindClient)
	redrive.Links = []sdktrace.Link{{SpanContext: create.SpanContext}}
	return Spans{request, create, send, first, second, redrive}
}

func TestTree(t *testing.T) {
	Golden(t, "tree", Tree(exampleSpans()))
}

func TestTreeShowsTheAttributesAskedFor(t *testing.T) {
	Golden(t, "tree_attributes", Tree(exampleSpans(), "messaging.destination.name", "not.there"))
}

func TestTreeOfNothingIsEmpty(t *testing.T) {
	if got := Tree(nil); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestTreeDoesNotDependOnTheOrderInWhichSpansEnded(t *testing.T) {
	spans := exampleSpans()
	want := Tree(spans)
	for range 100 {
		rand.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
		if diff := cmp.Diff(want, Tree(spans)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

func TestTreeOrdersSiblings(t *testing.T) {
	attempt := func(id byte, start int, service, group, outcome string) Spans {
		s := span(1, id, 1, service, "process orders", trace.SpanKindConsumer,
			semconv.MessagingConsumerGroupName(group), attribute.String("outcome", outcome))
		s.StartTime = time.Unix(int64(start), 0)
		return Spans{s}
	}
	root := Spans{span(1, 1, 0, "order", "create orders", trace.SpanKindProducer)}

	for name, test := range map[string]struct {
		spans Spans
		want  string
	}{
		"attempts of one group by start, whatever they show": {
			slices.Concat(root, attempt(2, 3, "inventory", "inventory", "ack"), attempt(3, 1, "inventory", "inventory", "retry"),
				attempt(4, 2, "inventory", "inventory", "crash")),
			"order: create orders [producer]\n" +
				"  inventory: process orders [consumer] outcome=retry\n" +
				"  inventory: process orders [consumer] outcome=crash\n" +
				"  inventory: process orders [consumer] outcome=ack\n",
		},
		"groups by name, whichever was first": {
			slices.Concat(root, attempt(2, 1, "listen", "b", "second"), attempt(3, 2, "listen", "a", "first")),
			"order: create orders [producer]\n" +
				"  listen: process orders [consumer] outcome=first\n" +
				"  listen: process orders [consumer] outcome=second\n",
		},
		"services by name, whichever was first": {
			slices.Concat(root, attempt(2, 1, "listen", "", "x"), attempt(3, 2, "inventory", "", "x")),
			"order: create orders [producer]\n" +
				"  inventory: process orders [consumer] outcome=x\n" +
				"  listen: process orders [consumer] outcome=x\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Tree(test.spans, "outcome")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// span is a recorded span of one trace; parent 0 means none. It starts id seconds after the epoch.
func span(traceID, id, parent byte, service, name string, kind trace.SpanKind, attributes ...attribute.KeyValue) Span {
	s := Span{
		Name:        name,
		SpanKind:    kind,
		SpanContext: spanContext(traceID, id),
		StartTime:   time.Unix(int64(id), 0),
		Attributes:  attributes,
		Resource:    resource.NewSchemaless(semconv.ServiceName(service)),
	}
	if parent != 0 {
		s.Parent = spanContext(traceID, parent)
	}
	return s
}

func spanContext(traceID, id byte) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{traceID}, SpanID: trace.SpanID{id}})
}
