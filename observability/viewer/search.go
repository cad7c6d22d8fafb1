package viewer

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"example.com/clew/observability/telemetry/httpserver"
)

// Tempo's defaults, and its name for a trace without a root.
const (
	defaultLimit        = 20
	defaultSpansPerSet  = 3
	rootSpanNotReceived = "<root span not yet received>"
)

const (
	searchTimeout      = 5 * time.Second
	maxSearches        = 4  // at a time
	maxCachedResources = 16 // decoded at the same time by one search
)

// searchRequest has the parameters of GET /api/search.
type searchRequest struct {
	query       query
	start, end  uint64 // Unix time in nanoseconds: traces that overlap it
	limit       uint64 // traces
	spansPerSet uint64 // most spans shown of a trace; 0 shows all

	minDuration, maxDuration time.Duration // of the trace; 0 for no maximum
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
	response, err := v.search(r.Context(), request)
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, response)
}

func (v *Viewer) search(ctx context.Context, request searchRequest) (response searchResponse, err error) {
	err = v.throughAll(ctx, func(ctx context.Context) error {
		response, err = v.store.search(ctx, request)
		return err
	})
	return response, err
}

// throughAll calls look, which goes through all traces or log records. maxSearches do so at a time; others wait. It ends after
// v.searchTimeout, or when the one who asked has left.
func (v *Viewer) throughAll(ctx context.Context, look func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, v.searchTimeout)
	defer cancel()
	err := v.searching.Acquire(ctx, 1)
	if err == nil {
		err = look(ctx)
		v.searching.Release(1)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return httpserver.Problemf(http.StatusServiceUnavailable,
			"the search did not end within %s: search a shorter time, with start and end, or for fewer, with limit", v.searchTimeout)
	}
	return err
}

// writeError answers an error as text, with the status of a problem, or 500.
func writeError(w http.ResponseWriter, err error) {
	if problem, ok := errors.AsType[*httpserver.Problem](err); ok {
		http.Error(w, problem.Detail, problem.Status)
		return
	}
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

func parseSearch(values url.Values) (searchRequest, error) {
	if values.Has("tags") {
		return searchRequest{}, fmt.Errorf("parameter tags is not supported: use q; %s", supportedQueries)
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
	for _, p := range []struct {
		name string
		into *time.Duration
	}{
		{"minDuration", &request.minDuration},
		{"maxDuration", &request.maxDuration},
	} {
		text := values.Get(p.name)
		if text == "" {
			continue
		}
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return searchRequest{}, fmt.Errorf("parameter %s is %.50q: expected a duration such as 1s or 100ms", p.name, text)
		}
		*p.into = d
	}
	if request.maxDuration > 0 && request.minDuration > request.maxDuration {
		return searchRequest{}, fmt.Errorf("parameter minDuration is %s and maxDuration %s: expected it to be at most as long",
			request.minDuration, request.maxDuration)
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

// search looks through the traces, newest first, until it has enough or ctx ends.
func (s *store) search(ctx context.Context, request searchRequest) (searchResponse, error) {
	traces := s.all()
	slices.SortFunc(traces, func(a, b storedTrace) int { return cmp.Compare(b.start, a.start) })
	response := searchResponse{Traces: []foundTrace{}}
	resources := resourceCache{}
	for _, trace := range traces {
		if !request.mayHold(trace) {
			continue
		}
		response.Metrics.InspectedTraces++
		response.Metrics.InspectedBytes += trace.size
		response.Metrics.InspectedSpans += int64(len(trace.spans))
		found, err := trace.match(ctx, request, resources)
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

// mayHold reports what is known of a trace without a look at its spans.
func (r searchRequest) mayHold(trace storedTrace) bool {
	if r.end > 0 && (trace.end < r.start || trace.start > r.end) {
		return false
	}
	took := duration(trace.start, trace.end)
	return took >= r.minDuration && (r.maxDuration == 0 || took <= r.maxDuration)
}

// resourceCache has decoded resources, of which each is shared by many spans or log records: the encodings of ResourceSpans and
// ResourceLogs are the same.
type resourceCache map[*shared]*resourcepb.Resource

func (c resourceCache) decode(sh *shared) (*resourcepb.Resource, error) {
	if resource, ok := c[sh]; ok {
		return resource, nil
	}
	decoded := &tracepb.ResourceSpans{}
	if err := proto.Unmarshal([]byte(sh.data), decoded); err != nil {
		return nil, err
	}
	if len(c) == maxCachedResources {
		clear(c)
	}
	c[sh] = decoded.GetResource()
	return c[sh], nil
}

// match describes the trace, with the spans for which the query holds.
func (t storedTrace) match(ctx context.Context, request searchRequest, resources resourceCache) (foundTrace, error) {
	found := foundTrace{
		TraceID:           fmt.Sprintf("%x", t.id),
		RootServiceName:   rootSpanNotReceived,
		StartTimeUnixNano: t.start,
		DurationMs:        duration(t.start, t.end).Milliseconds(),
		SpanSets:          []spanSet{{Spans: []foundSpan{}}},
	}
	set := &found.SpanSets[0]
	var root *tracepb.Span
	for _, stored := range t.spans {
		if err := ctx.Err(); err != nil {
			return found, err
		}
		span := &tracepb.Span{}
		if err := proto.Unmarshal(stored.data, span); err != nil {
			return found, err
		}
		resource, err := resources.decode(stored.resource)
		if err != nil {
			return found, err
		}
		if isRoot := len(span.GetParentSpanId()) == 0; isRoot && (root == nil || before(span, root)) {
			root = span
			found.RootTraceName = span.GetName()
			found.RootServiceName = attributeOf(resource.GetAttributes(), "service.name").GetStringValue()
		}
		attributes, ok := request.query.holds(span, resource)
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
	if !request.query.holdsOfTrace(found, duration(t.start, t.end)) {
		set.Matched = 0
	}
	return found, nil
}

// before reports which of two roots names the trace: of a client and its server with the same id it is the client, else the
// one that starts first.
func before(a, b *tracepb.Span) bool {
	if aCalls := calls(a); aCalls != calls(b) && bytes.Equal(a.GetSpanId(), b.GetSpanId()) {
		return aCalls
	}
	return a.GetStartTimeUnixNano() < b.GetStartTimeUnixNano()
}

func calls(span *tracepb.Span) bool {
	return span.GetKind() == tracepb.Span_SPAN_KIND_CLIENT || span.GetKind() == tracepb.Span_SPAN_KIND_PRODUCER
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
