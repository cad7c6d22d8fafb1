package messaging

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"
)

// The format, as README specifies it and other languages test theirs with: testdata/format.json.
var format struct {
	Partitions []struct {
		Subject    string
		Hash       uint32
		Partitions int
		Partition  int
	}
	Entries []struct {
		Name    string
		Fields  map[string]any
		Refused string // the field that is named
		Message struct {
			ID, Source, Type, Subject, Data string
			Time                            time.Time
			Headers                         Headers
		}
	}
	Contexts []struct {
		Name       string
		Headers    Headers
		TraceID    string `json:"trace_id"`
		SpanID     string `json:"span_id"`
		Sampled    bool
		TraceState string
		Baggage    map[string]string
	}
}

func readFormat(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("testdata/format.json")
	if err == nil {
		err = json.Unmarshal(text, &format)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSubjectsArePartitionedAsTheFormatSays(t *testing.T) {
	readFormat(t)
	for _, want := range format.Partitions {
		if hash, partition := SubjectHash(want.Subject), PartitionOf(want.Subject, want.Partitions); hash != want.Hash || partition != want.Partition {
			t.Errorf("%q: hash %d, partition %d of %d, expected %d and %d",
				want.Subject, hash, partition, want.Partitions, want.Hash, want.Partition)
		}
	}
}

func TestEntriesAreReadAsTheFormatSays(t *testing.T) {
	readFormat(t)
	for _, entry := range format.Entries {
		m, err := decode("orders", redis.XMessage{ID: "1-0", Values: entry.Fields})
		if entry.Refused != "" {
			if err == nil || !strings.Contains(err.Error(), "field "+entry.Refused+" ") {
				t.Errorf("%s: error %v, expected one about the field %s", entry.Name, err, entry.Refused)
			}
			continue
		}
		want := Message{
			Stream: "orders", ID: entry.Message.ID, Source: entry.Message.Source, Type: entry.Message.Type,
			Subject: entry.Message.Subject, Time: entry.Message.Time, Data: []byte(entry.Message.Data), Headers: entry.Message.Headers,
		}
		if diff := cmp.Diff(want, m, cmp.Comparer(time.Time.Equal)); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", entry.Name, err, diff)
		}
		fields, err := encode(m, true)
		if err != nil {
			t.Errorf("%s: %v", entry.Name, err)
		}
		if again, err := decode("orders", entryOf(fields)); err != nil || !cmp.Equal(m, again, cmp.Comparer(time.Time.Equal)) {
			t.Errorf("%s comes back as %+v, %v", entry.Name, again, err)
		}
	}
}

func TestContextsAreReadAsTheFormatSays(t *testing.T) {
	readFormat(t)
	for _, want := range format.Contexts {
		ctx := want.Headers.extract(context.Background())
		span := trace.SpanContextFromContext(ctx)
		got := ""
		if span.IsValid() {
			got = span.TraceID().String()
		}
		if got != want.TraceID || span.IsSampled() != want.Sampled || span.TraceState().String() != want.TraceState ||
			want.SpanID != "" && span.SpanID().String() != want.SpanID {
			t.Errorf("%s is read as %+v", want.Name, span)
		}
		for name, value := range want.Baggage {
			if got := baggage.FromContext(ctx).Member(name).Value(); got != value {
				t.Errorf("%s: the member %s is %q", want.Name, name, got)
			}
		}
	}
}
