package telemetry

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// One text that is not UTF-8, wherever it stands, would cost its whole batch.
func TestTextsThatAreNotUTF8CostNothing(t *testing.T) {
	const bad, long = "caf\xe9", 3 << 20
	collector := startCollector(t)
	tel := setup(t, Config{Service: "order", Instance: bad, LogWriter: io.Discard})
	tracer := tel.TracerProvider.Tracer("test")
	attributes := []attribute.KeyValue{
		attribute.String("text", bad), attribute.String("\xff", ""), attribute.StringSlice("texts", []string{"fine", bad}),
		attribute.Int("number", 1), attribute.String("long", strings.Repeat("é", long)),
		{Key: "values", Value: attribute.SliceValue(attribute.StringValue(bad))},
		{Key: "map", Value: attribute.MapValue(attribute.String(bad, bad))},
	}
	var other trace.Span
	for range 32 {
		_, other = tracer.Start(t.Context(), "place order")
		other.End()
	}
	_, span := tracer.Start(t.Context(), "GET /"+bad, trace.WithAttributes(attributes...),
		trace.WithLinks(trace.Link{SpanContext: other.SpanContext(), Attributes: attributes}))
	for _, alone := range attributes {
		span.AddEvent(bad, trace.WithAttributes(alone))
	}
	span.RecordError(errors.New(bad))
	span.SetStatus(codes.Error, bad)
	span.End()
	tel.Logger.Info("order placed")
	tel.Logger.With("path", bad).Error(bad, "error", errors.New(bad), slog.Group("request", "agent", bad))
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}

	spans, records := collector.received()
	if len(spans) != 33 || len(records) != 2 {
		t.Fatalf("%d spans and %d records arrived, want 33 and 2", len(spans), len(records))
	}
	last := spans[32]
	got := map[string]string{}
	for _, kv := range last.GetAttributes() {
		got[kv.GetKey()] = kv.GetValue().GetStringValue()
	}
	if last.GetName() != "GET /caf\ufffd" || last.GetStatus().GetMessage() != "caf\ufffd" || got["text"] != "caf\ufffd" ||
		len(last.GetEvents()) != len(attributes)+1 || len(last.GetLinks()) != 1 || len(last.GetAttributes()) != len(attributes) {
		t.Errorf("the span arrived as %.2000s", last)
	}
	if text := got["long"]; len(text) > maxText+3 || !strings.HasPrefix(text, "ééé") || !utf8.ValidString(text) {
		t.Errorf("a long text arrived with %d bytes", len(text))
	}
	if body := records[1].GetBody().GetStringValue(); body != "caf\ufffd" {
		t.Errorf("the record arrived as %q", body)
	}
	for _, resource := range collector.resources {
		if instance := pick(resource, map[string]string{"service.instance.id": ""}); instance["service.instance.id"] != "caf\ufffd" {
			t.Errorf("the instance is %q", instance)
		}
	}
}
