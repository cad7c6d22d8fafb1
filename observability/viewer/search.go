package viewer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// Tempo's defaults, and its name for a trace without a root.
const (
	defaultLimit        = 20
	defaultSpansPerSet  = 3
	rootSpanNotReceived = "<root span not yet received>"
)

// searchRequest has the parameters of GET /api/search.
type searchRequest struct {
	query       query
	start, end  uint64 // Unix time in nanoseconds: traces that overlap it
	limit       uint64 // traces
	spansPerSet uint64 // most spans shown of a trace; 0 shows all
}

// searchResponse is Tempo's SearchResponse.
type searchResponse struct {
	Traces  []foundTrace  `json:"traces"`
	Metrics searchMetrics `json:"metrics"`
}

type searchMetrics struct {
	InspectedTraces int   `json:"inspectedTraces,omitempty"`
	InspectedBytes  int64 `json:"inspectedBytes,string,omitempty"`
	InspectedSpans  int64 `json:"inspectedSpans,string,omitempty"`
}

type foundTrace struct {
	TraceID           string    `json:"traceID"`
	RootServiceName   string    `json:"rootServiceName"`
	RootTraceName     string    `json:"rootTraceName,omitempty"`
	StartTimeUnixNano uint64    `json:"startTimeUnixNano,string"`
	DurationMs        int64     `json:"durationMs,omitempty"`
	SpanSets          []spanSet `json:"spanSets"`
}

type spanSet struct {
	Spans   []foundSpan `json:"spans"`
	Matched int         `json:"matched"`
}

type foundSpan struct {
	SpanID            string            `json:"spanID"`
	Name              string            `json:"name,omitempty"`
	StartTimeUnixNano uint64            `json:"startTimeUnixNano,string"`
	DurationNanos     int64             `json:"durationNanos,string"`
	Attributes        []json.RawMessage `json:"attributes"` // those the query names
}

func (v *Viewer) getSearch(w http.ResponseWriter, r *http.Request) {
	request, err := parseSearch(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	response, err := v.store.search(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, response)
}

func parseSearch(values url.Values) (searchRequest, error) {
	for _, name := range []string{"tags", "minDuration", "maxDuration"} {
		if values.Has(name) {
			return searchRequest{}, fmt.Errorf("parameter %s is not supported: use q; %s", name, supportedQueries)
		}
	}
	request := searchRequest{limit: defaultLimit, spansPerSet: defaultSpansPerSet}
	for _, p := range []struct {
		name string
		into *uint64
		unit string
	}{
		{"start", &request.start, " of seconds since 1970"},
		{"end", &request.end, " of seconds since 1970"},
		{"limit", &request.limit, ""},
		{"spss", &request.spansPerSet, ""},
	} {
		text := values.Get(p.name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return searchRequest{}, fmt.Errorf("parameter %s is %q: expected a whole number%s", p.name, text, p.unit)
		}
		*p.into = n
	}
	if request.limit == 0 {
		return searchRequest{}, errors.New("parameter limit is 0: expected at least 1")
	}
	if request.end <= request.start && request.start+request.end > 0 {
		return searchRequest{}, fmt.Errorf("parameter start is %d and end is %d: start must be before end",
			request.start, request.end)
	}
	const second = 1_000_000_000
	request.start, request.end = request.start*second, request.end*second
	var err error
	request.query, err = parseQuery(values.Get("q"))
	return request, err
}

// search looks through the traces, newest first, until it has enough.
func (s *store) search(request searchRequest) (searchResponse, error) {
	traces := s.all()
	slices.SortFunc(traces, func(a, b storedTrace) int { return cmp.Compare(b.start, a.start) })
	response := searchResponse{Traces: []foundTrace{}}
	for _, trace := range traces {
		if request.end > 0 && (trace.end < request.start || trace.start > request.end) {
			continue
		}
		response.Metrics.InspectedTraces++
		response.Metrics.InspectedBytes += trace.size
		response.Metrics.InspectedSpans += int64(len(trace.spans))
		found, err := trace.match(request)
		if err != nil {
			return response, fmt.Errorf("search trace %x: %w", trace.id, err)
		}
		if found.SpanSets[0].Matched == 0 {
			continue
		}
		response.Traces = append(response.Traces, found)
		if uint64(len(response.Traces)) == request.limit {
			break
		}
	}
	return response, nil
}

// match describes the trace, with the spans for which the query holds.
func (t storedTrace) match(request searchRequest) (foundTrace, error) {
	found := foundTrace{
		TraceID:           fmt.Sprintf("%x", t.id),
		RootServiceName:   rootSpanNotReceived,
		StartTimeUnixNano: t.start,
		DurationMs:        duration(t.start, t.end).Milliseconds(),
		SpanSets:          []spanSet{{Spans: []foundSpan{}}},
	}
	decoded, err := t.decode()
	if err != nil {
		return found, err
	}
	set := &found.SpanSets[0]
	for _, resource := range decoded.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				if len(span.GetParentSpanId()) == 0 {
					found.RootTraceName = span.GetName()
					found.RootServiceName = attributeOf(resource.GetResource().GetAttributes(), "service.name").GetStringValue()
				}
				attributes, ok := request.query.holds(span, resource.GetResource())
				if !ok {
					continue
				}
				set.Matched++
				if request.spansPerSet > 0 && len(set.Spans) == int(request.spansPerSet) {
					continue
				}
				shown, err := showSpan(span, attributes)
				if err != nil {
					return found, err
				}
				set.Spans = append(set.Spans, shown)
			}
		}
	}
	return found, nil
}

func showSpan(span *tracepb.Span, attributes []*commonpb.KeyValue) (foundSpan, error) {
	start := span.GetStartTimeUnixNano()
	shown := foundSpan{
		SpanID:            fmt.Sprintf("%x", span.GetSpanId()),
		Name:              span.GetName(),
		StartTimeUnixNano: start,
		DurationNanos:     int64(duration(start, span.GetEndTimeUnixNano())),
		Attributes:        []json.RawMessage{},
	}
	for _, a := range attributes {
		data, err := protojson.Marshal(a)
		if err != nil {
			return shown, err
		}
		shown.Attributes = append(shown.Attributes, data)
	}
	return shown, nil
}
