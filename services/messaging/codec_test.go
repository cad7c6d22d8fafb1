package messaging

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

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
