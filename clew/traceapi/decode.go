package traceapi

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"example.com/clew/observability/viewer/story"
)

// decodeTrace reads the answer of GET /api/v2/traces/{id}. Tempo writes protobuf's JSON mapping; OTLP's own JSON, with
// hexadecimal ids, is read as well.
func decodeTrace(body []byte, id string) (story.Trace, error) {
	var answer struct {
		Trace           json.RawMessage `json:"trace"`
		Status, Message string
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return story.Trace{}, err
	}
	var decoded tracepb.TracesData
	if len(answer.Trace) > 0 {
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(answer.Trace, &decoded); err != nil {
			return story.Trace{}, err
		}
	}
	if err := story.RepairIDs(&decoded); err != nil {
		return story.Trace{}, err
	}
	trace := story.Trace{ID: id, Spans: story.FromOTLP(&decoded)}
	if answer.Status == "PARTIAL" {
		trace.Partial = cmp.Or(answer.Message, "Spans of this trace are missing.")
	}
	return trace, nil
}

type searchAnswer struct {
	Traces []struct {
		TraceID         string `json:"traceID"`
		RootServiceName string `json:"rootServiceName"`
		RootTraceName   string `json:"rootTraceName"`
		Start           nanos  `json:"startTimeUnixNano"`
		DurationMs      int64  `json:"durationMs"`
	} `json:"traces"`
}

func (a *searchAnswer) summaries() []Summary {
	found := make([]Summary, 0, len(a.Traces))
	for _, t := range a.Traces {
		found = append(found, Summary{
			ID:          padTraceID(t.TraceID),
			RootService: t.RootServiceName,
			RootName:    t.RootTraceName,
			Start:       time.Time(t.Start),
			Duration:    time.Duration(t.DurationMs) * time.Millisecond,
		})
	}
	return found
}

// parseTraceID checks an id that a person typed.
func parseTraceID(s string) (string, error) {
	padded := padTraceID(strings.TrimSpace(s))
	if b, err := hex.DecodeString(padded); err != nil || len(b) != 16 {
		return "", fmt.Errorf("%.60q is not a trace id: expected 32 hexadecimal digits, "+
			"as in an order's trace_id or the second part of its traceresponse header", s)
	}
	return padded, nil
}

// padTraceID restores the leading zeros that Tempo's search leaves out.
func padTraceID(s string) string {
	return strings.Repeat("0", max(0, 32-len(s))) + strings.ToLower(s)
}

// nanos is a time in nanoseconds since 1970, a string or a number.
type nanos time.Time

func (v *nanos) UnmarshalJSON(data []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(data), `"`), 10, 64)
	if err != nil {
		return fmt.Errorf("time: %w", err)
	}
	*v = nanos(time.Unix(0, n).UTC())
	return nil
}
