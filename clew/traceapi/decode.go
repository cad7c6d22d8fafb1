package traceapi

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"example.com/clew/observability/viewer/story"
)

type traceAnswer struct {
	Trace struct {
		ResourceSpans []struct {
			Resource struct {
				Attributes keyValues `json:"attributes"`
			} `json:"resource"`
			ScopeSpans []struct {
				Spans []span `json:"spans"`
			} `json:"scopeSpans"`
		} `json:"resourceSpans"`
	} `json:"trace"`
}

type span struct {
	SpanID       id        `json:"spanId"`
	ParentSpanID id        `json:"parentSpanId"`
	Name         string    `json:"name"`
	Kind         enum      `json:"kind"`
	Start        nanos     `json:"startTimeUnixNano"`
	End          nanos     `json:"endTimeUnixNano"`
	Attributes   keyValues `json:"attributes"`
	Events       []struct {
		Name       string    `json:"name"`
		Time       nanos     `json:"timeUnixNano"`
		Attributes keyValues `json:"attributes"`
	} `json:"events"`
	Links []struct {
		TraceID    id        `json:"traceId"`
		SpanID     id        `json:"spanId"`
		Attributes keyValues `json:"attributes"`
	} `json:"links"`
	Status struct {
		Code    enum   `json:"code"`
		Message string `json:"message"`
	} `json:"status"`
}

func (a *traceAnswer) spans() []story.Span {
	var spans []story.Span
	for _, resource := range a.Trace.ResourceSpans {
		service := story.Attributes(resource.Resource.Attributes).String("service.name")
		for _, scope := range resource.ScopeSpans {
			for i := range scope.Spans {
				spans = append(spans, scope.Spans[i].model(service))
			}
		}
	}
	return spans
}

func (s *span) model(service string) story.Span {
	const statusError = 2
	m := story.Span{
		ID: string(s.SpanID), Parent: string(s.ParentSpanID),
		Service: service, Name: s.Name, Kind: story.Kind(s.Kind),
		Start: time.Time(s.Start), End: time.Time(s.End),
		Attributes:    story.Attributes(s.Attributes),
		Error:         s.Status.Code == statusError,
		StatusMessage: s.Status.Message,
	}
	for _, e := range s.Events {
		m.Events = append(m.Events, story.Event{Name: e.Name, Time: time.Time(e.Time), Attributes: story.Attributes(e.Attributes)})
	}
	for _, l := range s.Links {
		m.Links = append(m.Links, story.Link{TraceID: string(l.TraceID), SpanID: string(l.SpanID), Attributes: story.Attributes(l.Attributes)})
	}
	return m
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
