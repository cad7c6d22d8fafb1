package messaging

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"
)

const (
	traceID     = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanID      = "00f067aa0ba902b7"
	traceparent = "00-" + traceID + "-" + spanID + "-01"
)

type note struct {
	Text string `json:"text"`
}

func (note) Stream() Named   { return "notes" }
func (note) Type() string    { return "note.v1" }
func (note) Subject() string { return "s" }

func (n note) Validate() error {
	if n.Text == "" {
		return errors.New("text is empty")
	}
	return nil
}

// entryOf is what Redis returns for an entry that was added with these fields.
func entryOf(fields []string) redis.XMessage {
	values := map[string]any{}
	for i := 0; i < len(fields); i += 2 {
		values[fields[i]] = fields[i+1]
	}
	return redis.XMessage{ID: "1-0", Values: values}
}

func wellFormed() Message {
	return Message{
		Stream: "orders", ID: "0190-1", Source: "/order", Type: "order.created.v1", Subject: "o-1",
		Time: time.Date(2026, 1, 2, 15, 4, 5, 678901000, time.UTC), Data: []byte(`{"text":"hi"}`),
		Headers: Headers{"traceparent": traceparent, "baggage": "customer.tier=premium"},
	}
}

func TestAnEntryIsReadable(t *testing.T) {
	fields, err := encode(wellFormed(), true)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"specversion", "1.0", "id", "0190-1", "source", "/order", "type", "order.created.v1", "subject", "o-1",
		"time", "2026-01-02T15:04:05.678901Z", "datacontenttype", "application/json", "data", `{"text":"hi"}`,
	}
	if diff := cmp.Diff(want, fields[:len(want)]); diff != "" {
		t.Error(diff)
	}
	got, err := decode("orders", entryOf(fields))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wellFormed(), got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatNoMessageMayBe(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Message)
		want   string
	}{
		{"no id", func(m *Message) { m.ID = "" }, "field id is missing"},
		{"no source", func(m *Message) { m.Source = "" }, "field source is missing"},
		{"no type", func(m *Message) { m.Type = "" }, "field type is missing"},
		{"no data", func(m *Message) { m.Data = nil }, "field data is missing"},
		{"too much data", func(m *Message) { m.Data = make([]byte, MaxDataBytes+1) }, "at most 262144"},
		{"a long type", func(m *Message) { m.Type = strings.Repeat("t", 257) }, "field type has 257 bytes"},
		{"an escape in the subject", func(m *Message) { m.Subject = "\x1b[2J" }, "field subject"},
		{"bytes that are no text", func(m *Message) { m.ID = "\xff\xfe" }, "field id"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := wellFormed()
			tt.change(&m)
			if _, err := encode(m, true); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, expected one with %q", err, tt.want)
			}
		})
	}
}

func TestDecodeForeignEntries(t *testing.T) {
	fields := func(change map[string]string) redis.XMessage {
		good, err := encode(wellFormed(), true)
		if err != nil {
			t.Fatal(err)
		}
		entry := entryOf(good)
		for name, value := range change {
			if value == "" {
				delete(entry.Values, name)
			} else {
				entry.Values[name] = value
			}
		}
		return entry
	}
	tests := []struct {
		name  string
		entry redis.XMessage
		want  string // "" for none
	}{
		{"somebody else's", entryOf([]string{"hello", "world"}), "field specversion"},
		{"deleted", redis.XMessage{ID: "1-0"}, "field specversion"},
		{"of another version of CloudEvents", fields(map[string]string{"specversion": "2.0"}), "field specversion"},
		{"without id", fields(map[string]string{"id": ""}), "field id"},
		{"without data", fields(map[string]string{"data": ""}), "field data"},
		{"XML", fields(map[string]string{"datacontenttype": "text/xml"}), "field datacontenttype"},
		{"a JSON dialect", fields(map[string]string{"datacontenttype": "application/jsonx"}), "field datacontenttype"},
		{"JSON with a charset", fields(map[string]string{"datacontenttype": "application/json; charset=utf-8"}), ""},
		{"without content type", fields(map[string]string{"datacontenttype": ""}), ""},
		{"with another time", fields(map[string]string{"time": "yesterday"}), "field time"},
		{"without time", fields(map[string]string{"time": ""}), ""},
		{"without subject", fields(map[string]string{"subject": ""}), ""},
		{"with further extensions", fields(map[string]string{"colour": "red"}), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decode("orders", tt.entry)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("error %v, expected none", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, expected one with %q", err, tt.want)
			}
		})
	}
}

// FuzzDecode: whatever stands in an entry, it is refused, or it is a message that can be published again unchanged.
func FuzzDecode(f *testing.F) {
	f.Add("1.0", "id", "/order", "order.created.v1", "o-1", "2026-01-02T15:04:05Z", `{}`, traceparent, "customer.tier=trial")
	f.Add("", "", "", "", "", "", "", "", "")
	f.Add("1.0", "\x00", "\xff", "a.v1", "\n", "2026-01-02T15:04:05+24:00", "\x80", "00-0-0-0", "=;,%")
	f.Fuzz(func(t *testing.T, spec, id, source, eventType, subject, created, data, parent, bag string) {
		m, err := decode("orders", entryOf([]string{
			"specversion", spec, "id", id, "source", source, "type", eventType, "subject", subject, "time", created,
			"data", data, "traceparent", parent, "baggage", bag,
		}))
		if err != nil {
			return
		}
		m.Headers.extract(context.Background()) // must not panic
		fields, err := encode(m, true)
		if err != nil {
			t.Fatalf("decoded but not encoded: %v", err)
		}
		again, err := decode("orders", entryOf(fields))
		if err != nil {
			t.Fatalf("encoded but not decoded: %v", err)
		}
		if !again.Time.Equal(m.Time) {
			t.Errorf("time %v became %v", m.Time, again.Time)
		}
		again.Time = m.Time
		if diff := cmp.Diff(m, again); diff != "" {
			t.Error(diff)
		}
	})
}

func TestHeadersCarryTheContext(t *testing.T) {
	member, err := baggage.NewMember("customer.tier", "premium")
	if err != nil {
		t.Fatal(err)
	}
	bag, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	ctx := Headers{"traceparent": traceparent, "tracestate": "a=1"}.extract(context.Background())
	ctx = baggage.ContextWithBaggage(ctx, bag)

	m, err := NewMessage(ctx, note{"hi"})
	if err != nil {
		t.Fatal(err)
	}
	want := Headers{"traceparent": traceparent, "tracestate": "a=1", "baggage": "customer.tier=premium"}
	if diff := cmp.Diff(want, m.Headers); diff != "" {
		t.Error(diff)
	}
	got := trace.SpanContextFromContext(m.Headers.extract(context.Background()))
	if got.TraceID().String() != traceID || got.SpanID().String() != spanID || !got.IsSampled() || !got.IsRemote() {
		t.Errorf("extracted %+v", got)
	}
	if tier := baggage.FromContext(m.Headers.extract(context.Background())).Member("customer.tier").Value(); tier != "premium" {
		t.Errorf("customer.tier is %q", tier)
	}
}

func TestAMalformedContextIsNone(t *testing.T) {
	for _, bad := range []string{
		"", "x", "00-" + traceID + "-" + spanID, "ff-" + traceID + "-" + spanID + "-01",
		"00-00000000000000000000000000000000-" + spanID + "-01", "00-" + traceID + "-0000000000000000-01",
	} {
		if got := trace.SpanContextFromContext(Headers{"traceparent": bad}.extract(context.Background())); got.IsValid() {
			t.Errorf("traceparent %q was taken as %+v", bad, got)
		}
	}
}

func TestNewMessageRefuses(t *testing.T) {
	if _, err := NewMessage(t.Context(), note{}); err == nil {
		t.Error("an invalid payload was taken")
	}
	_, err := NewMessage(t.Context(), note{strings.Repeat("x", MaxDataBytes)})
	if Classify(err) != "too_large" {
		t.Errorf("a payload over the limit: %v", err)
	}
}

func TestDecodePayload(t *testing.T) {
	for data, want := range map[string]string{
		`{"text":"hi","later":1}`: "", `{"text":""}`: "undecodable", `{"text":1}`: "undecodable", `{`: "undecodable",
	} {
		_, err := decodeEvent[Named, note](Message{Type: "note.v1", Data: []byte(data)})
		if Classify(err) != want || IsPermanent(err) != (want != "") {
			t.Errorf("%s: %v", data, err)
		}
	}
}

func TestPartitionsAreStable(t *testing.T) {
	// FNV-1a, 32 bits: "a" is 0xe40c292c, "foobar" is 0xbf9cf968 (from the algorithm's published test vectors).
	for _, tt := range []struct {
		subject          string
		partitions, want int
	}{
		{"a", 1, 0}, {"a", 1000, 0xe40c292c % 1000}, {"foobar", 7, 0xbf9cf968 % 7}, {"", 2, 0x811c9dc5 % 2},
	} {
		if got := PartitionOf(tt.subject, tt.partitions); got != tt.want {
			t.Errorf("partition of %q of %d is %d, expected %d", tt.subject, tt.partitions, got, tt.want)
		}
	}
	if key := StreamKey("orders", 3); key != "orders:{3}" {
		t.Error(key)
	}
}

func TestOutcomes(t *testing.T) {
	plain := errors.New("plain")
	for _, tt := range []struct {
		err     error
		outcome outcome
		class   string
	}{
		{nil, outcomeAck, ""},
		{ErrDuplicate, outcomeDuplicate, ""},
		{plain, outcomeRetry, "_OTHER"},
		{Permanent(plain), outcomeDeadLetter, "permanent"},
		{Unavailable(plain), outcomeUnavailable, "unavailable"},
		{undecodable(plain), outcomeDeadLetter, "undecodable"},
		{unknownVersion("a.v2"), outcomeDeadLetter, "unknown_version"},
		{errors.Join(errors.New("more"), Permanent(plain)), outcomeDeadLetter, "permanent"},
		{context.DeadlineExceeded, outcomeRetry, "timeout"},
		{context.Canceled, outcomeRetry, "canceled"},
		{ErrPanic, outcomeRetry, "panic"},
	} {
		if got := outcomeOf(tt.err); got != tt.outcome {
			t.Errorf("outcome of %v is %s, expected %s", tt.err, got, tt.outcome)
		}
		if got := Classify(tt.err); got != tt.class {
			t.Errorf("class of %v is %q, expected %q", tt.err, got, tt.class)
		}
	}
	if !errors.Is(Permanent(plain), plain) {
		t.Error("Permanent hides its error")
	}
}

type extended struct{ note }

func (extended) Headers() Headers { return Headers{"tenant": "north"} }

func TestAnEventMayHaveHeadersOfItsOwn(t *testing.T) {
	ctx := Headers{"traceparent": traceparent}.extract(context.Background())
	m, err := NewMessage(ctx, extended{note{"hi"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Headers{"traceparent": traceparent, "tenant": "north"}, m.Headers); diff != "" {
		t.Error(diff)
	}
}
