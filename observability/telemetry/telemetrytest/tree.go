package telemetrytest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Tree renders traces as text without ids and times, for golden files. Each span is a line under its parent's:
//
//	order: POST /orders [server]
//	  order: create orders [producer]
//	    inventory: process orders [consumer] error=timeout status=error event=takeover link="create orders" (same trace)
//
// A line has the span's service and name, its kind, those of the given attributes that it has, error.type, the status if it is
// an error, the names of its events, and for each link the name of the span that it points to ("unknown" if not recorded). A
// span whose parent was not recorded is a root marked "(remote parent)". An empty line divides traces.
//
// Siblings are sorted by name, kind, service and consumer group, not by time: which of two starts first is often a race. Only
// those that agree in all four are sorted by their start, because they are attempts, one after the other. Traces are sorted by
// their first root in the same way. Concurrent spans that agree in all four, such as two orders placed at once, have no stable
// order.
func Tree(spans Spans, attributes ...attribute.Key) string {
	nodes := make(map[spanID]*node, len(spans))
	for _, span := range spans {
		nodes[idOf(span.SpanContext)] = &node{span: span}
	}
	roots := make(map[trace.TraceID][]*node)
	for _, n := range nodes {
		if parent, ok := nodes[idOf(n.span.Parent)]; ok {
			parent.children = append(parent.children, n)
		} else {
			roots[n.span.SpanContext.TraceID()] = append(roots[n.span.SpanContext.TraceID()], n)
		}
	}

	r := renderer{nodes, attributes}
	traces := make([]*node, 0, len(roots)) // each stands for a whole trace: its first root, with the text of all of them
	for _, siblings := range roots {
		text := r.render(siblings, "")
		traces = append(traces, &node{span: siblings[0].span, text: text})
	}
	slices.SortFunc(traces, compare)
	texts := make([]string, 0, len(traces))
	for _, n := range traces {
		texts = append(texts, n.text)
	}
	return strings.Join(texts, "\n")
}

type spanID struct {
	trace trace.TraceID
	span  trace.SpanID
}

func idOf(sc trace.SpanContext) spanID { return spanID{sc.TraceID(), sc.SpanID()} }

type node struct {
	span     Span
	children []*node
	text     string // its line and those below it
}

type renderer struct {
	nodes      map[spanID]*node
	attributes []attribute.Key
}

// render sorts siblings and returns their lines and those below them.
func (r renderer) render(siblings []*node, indent string) string {
	for _, n := range siblings {
		n.text = indent + r.line(n.span) + "\n" + r.render(n.children, indent+"  ")
	}
	slices.SortFunc(siblings, compare)
	var text strings.Builder
	for _, n := range siblings {
		text.WriteString(n.text)
	}
	return text.String()
}

// compare orders siblings as Tree documents; the text only decides what started in the same nanosecond.
func compare(a, b *node) int {
	return cmp.Or(
		cmp.Compare(a.span.Name, b.span.Name),
		cmp.Compare(a.span.SpanKind, b.span.SpanKind),
		cmp.Compare(serviceOf(a.span), serviceOf(b.span)),
		cmp.Compare(groupOf(a.span), groupOf(b.span)),
		a.span.StartTime.Compare(b.span.StartTime),
		cmp.Compare(a.text, b.text))
}

func (r renderer) line(span Span) string {
	words := []string{serviceOf(span) + ":", span.Name, "[" + span.SpanKind.String() + "]"}
	if span.Parent.IsValid() && r.nodes[idOf(span.Parent)] == nil {
		words = append(words, "(remote parent)")
	}
	for _, key := range r.attributes {
		if value := attributeOf(span, key); value != "" {
			words = append(words, string(key)+"="+value)
		}
	}
	if value := attributeOf(span, semconv.ErrorTypeKey); value != "" {
		words = append(words, "error="+value)
	}
	if span.Status.Code == codes.Error {
		words = append(words, "status=error")
	}
	for _, event := range span.Events {
		words = append(words, "event="+event.Name)
	}
	for _, link := range span.Links {
		words = append(words, r.link(span.SpanContext, link.SpanContext))
	}
	return strings.Join(words, " ")
}

func (r renderer) link(from, to trace.SpanContext) string {
	target, where := "unknown", "other trace"
	if n, ok := r.nodes[idOf(to)]; ok {
		target = fmt.Sprintf("%q", n.span.Name)
	}
	if from.TraceID() == to.TraceID() {
		where = "same trace"
	}
	return fmt.Sprintf("link=%s (%s)", target, where)
}

func serviceOf(span Span) string {
	service, _ := span.Resource.Set().Value(semconv.ServiceNameKey)
	return service.String()
}

func groupOf(span Span) string {
	return attributeOf(span, semconv.MessagingConsumerGroupNameKey)
}

// attributeOf returns the attribute's value as text, "" if the span does not have it.
func attributeOf(span Span, key attribute.Key) string {
	for _, kv := range span.Attributes {
		if kv.Key == key {
			return kv.Value.String()
		}
	}
	return ""
}
