package telemetry

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// maxText is the most bytes of a text that are exported: more than anybody wants to read.
const maxText = 16 << 10

// OTLP's texts are UTF-8. One wrong byte, in a path, a header or an error of another program, fails the whole batch; so may a
// text of some megabytes. So all exported text is cleaned here, whatever recorded it.

// cleanText returns text that can be exported.
func cleanText(text string) string {
	if isClean(text) {
		return text
	}
	return strings.ToValidUTF8(text[:min(len(text), maxText)], "�")
}

func isClean(text string) bool { return len(text) <= maxText && utf8.ValidString(text) }

// cleanAttributes returns the attributes, or a clean copy if one needs cleaning; few do.
func cleanAttributes(attributes []attribute.KeyValue) []attribute.KeyValue {
	if !slices.ContainsFunc(attributes, mayBeUnclean) {
		return attributes
	}
	cleaned := make([]attribute.KeyValue, len(attributes))
	for i, kv := range attributes {
		cleaned[i] = attribute.KeyValue{Key: attribute.Key(cleanText(string(kv.Key))), Value: cleanValue(kv.Value)}
	}
	return cleaned
}

func mayBeUnclean(kv attribute.KeyValue) bool {
	switch kv.Value.Type() {
	case attribute.STRING:
		return !isClean(kv.Value.AsString()) || !isClean(string(kv.Key))
	case attribute.STRINGSLICE, attribute.SLICE, attribute.MAP:
		return true
	default:
		return !isClean(string(kv.Key))
	}
}

func cleanValue(v attribute.Value) attribute.Value {
	switch v.Type() {
	case attribute.STRING:
		return attribute.StringValue(cleanText(v.AsString()))
	case attribute.STRINGSLICE:
		texts := v.AsStringSlice()
		for i, text := range texts {
			texts[i] = cleanText(text)
		}
		return attribute.StringSliceValue(texts)
	case attribute.SLICE:
		values := v.AsSlice()
		for i, value := range values {
			values[i] = cleanValue(value)
		}
		return attribute.SliceValue(values...)
	case attribute.MAP:
		return attribute.MapValue(cleanAttributes(v.AsMap())...)
	default:
		return v
	}
}

// cleanExporter cleans the texts of spans and exports them.
type cleanExporter struct{ sdktrace.SpanExporter }

func (e cleanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	cleaned := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		cleaned[i] = cleanSpan{span}
	}
	return e.SpanExporter.ExportSpans(ctx, cleaned)
}

type cleanSpan struct{ sdktrace.ReadOnlySpan }

func (s cleanSpan) Name() string { return cleanText(s.ReadOnlySpan.Name()) }

func (s cleanSpan) Attributes() []attribute.KeyValue {
	return cleanAttributes(s.ReadOnlySpan.Attributes())
}

func (s cleanSpan) Events() []sdktrace.Event {
	events := slices.Clone(s.ReadOnlySpan.Events())
	for i := range events {
		events[i].Name, events[i].Attributes = cleanText(events[i].Name), cleanAttributes(events[i].Attributes)
	}
	return events
}

func (s cleanSpan) Links() []sdktrace.Link {
	links := slices.Clone(s.ReadOnlySpan.Links())
	for i := range links {
		links[i].Attributes = cleanAttributes(links[i].Attributes)
	}
	return links
}

func (s cleanSpan) Status() sdktrace.Status {
	status := s.ReadOnlySpan.Status()
	status.Description = cleanText(status.Description)
	return status
}

// cleanRecords cleans the texts of log records and passes them on.
type cleanRecords struct{ sdklog.Processor }

func (p cleanRecords) OnEmit(ctx context.Context, record *sdklog.Record) error {
	record.SetBody(cleanValue(record.Body()))
	attributes := make([]attribute.KeyValue, 0, record.AttributesLen())
	record.WalkAttributes(func(kv attribute.KeyValue) bool {
		attributes = append(attributes, kv)
		return true
	})
	record.SetAttributes(cleanAttributes(attributes)...)
	return p.Processor.OnEmit(ctx, record)
}
