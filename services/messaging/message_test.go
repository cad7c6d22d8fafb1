package messaging

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
