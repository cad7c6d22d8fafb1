package viewer

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"
)

// Of GET /api/logs: records in an answer, unless limit says otherwise, and what may be asked for.
const (
	defaultLogLimit = 200
	maxLogLimit     = 1000
	maxLogTraces    = mostTraces + 1 // an order's own, and those that are related to it
	maxLogText      = 200
)

// logRequest has the parameters of GET /api/logs. A zero value asks for nothing.
type logRequest struct {
	traces  []traceID
	service string
	level   int    // the least, as an index of severities
	text    string // in lower case
	limit   int
}

func parseLogRequest(values url.Values) (logRequest, error) {
	request := logRequest{service: values.Get("service"), text: strings.ToLower(values.Get("text")), level: -1, limit: defaultLogLimit}
	ids := values["trace_id"]
	if len(ids) > maxLogTraces {
		return request, fmt.Errorf("trace_id is given %d times: expected at most %d", len(ids), maxLogTraces)
	}
	for _, digits := range ids {
		if digits == "" {
			continue
		}
		id, err := parseTraceID(digits)
		if err != nil {
			return request, err
		}
		request.traces = append(request.traces, id)
	}
	if level := values.Get("level"); level != "" {
		if request.level = slices.Index(severities, strings.ToUpper(level)); request.level < 0 {
			return request, fmt.Errorf("level is %.20q: expected one of %s", level, strings.ToLower(strings.Join(severities, ", ")))
		}
	}
	if n := utf8.RuneCountInString(request.text); n > maxLogText {
		return request, fmt.Errorf("text has %d characters: expected at most %d", n, maxLogText)
	}
	if text := values.Get("limit"); text != "" {
		var err error
		if request.limit, err = strconv.Atoi(text); err != nil || request.limit < 1 || request.limit > maxLogLimit {
			return request, fmt.Errorf("limit is %.20q: expected 1 to %d", text, maxLogLimit)
		}
	}
	return request, nil
}

// getLogs answers the records that arrived last of those that the request asks for, the oldest of them first.
func (v *Viewer) getLogs(w http.ResponseWriter, r *http.Request) {
	request, err := parseLogRequest(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	lines := []logLine{}
	err = v.throughAll(r.Context(), func(ctx context.Context) error {
		for _, records := range v.logs.newest(request.traces) {
			found, err := request.find(ctx, records)
			if err != nil {
				return err
			}
			lines = append(lines, found...)
		}
		return nil
	})
	if err != nil {
		writeError(w, err)
		return
	}
	slices.SortStableFunc(lines, func(a, b logLine) int { return a.Time.Compare(b.Time) })
	writeJSON(w, map[string]any{"items": lines[max(0, len(lines)-request.limit):]})
}

// getLogServices answers the services of the records that are kept, at most 1 000 of them.
func (v *Viewer) getLogServices(w http.ResponseWriter, r *http.Request) {
	names := map[string]bool{}
	err := v.throughAll(r.Context(), func(ctx context.Context) error {
		for _, data := range v.logs.resourceData() {
			if len(names) == mostValues {
				return nil
			}
			resource := &logspb.ResourceLogs{}
			if err := cmp.Or(ctx.Err(), proto.Unmarshal([]byte(data), resource)); err != nil {
				return err
			}
			names[serviceOf(resource.GetResource())] = true
		}
		return nil
	})
	if err != nil {
		writeError(w, err)
		return
	}
	delete(names, "")
	writeJSON(w, map[string]any{"items": append([]string{}, slices.Sorted(maps.Keys(names))...)})
}

func serviceOf(resource *resourcepb.Resource) string {
	return asText(attributeOf(resource.GetAttributes(), "service.name"))
}

// find returns the first records that the request asks for, in their order of arrival.
func (q logRequest) find(ctx context.Context, newest iter.Seq[*storedRecord]) ([]logLine, error) {
	var lines []logLine
	resources := resourceCache{}
	for stored := range newest {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		resource, err := resources.decode(stored.resource)
		if err != nil {
			return nil, err
		}
		if q.service != "" && q.service != serviceOf(resource) {
			continue
		}
		record := &logspb.LogRecord{}
		if err := proto.Unmarshal(stored.data, record); err != nil {
			return nil, fmt.Errorf("decode log record: %w", err)
		}
		if !q.isLevel(record) {
			continue
		}
		if line := newLogLine(resource, record); line.has(q.text) {
			lines = append(lines, line)
		}
		if len(lines) == q.limit {
			break
		}
	}
	slices.Reverse(lines)
	return lines, nil
}

// isLevel is false for a record of no known severity, unless every level is asked for.
func (q logRequest) isLevel(record *logspb.LogRecord) bool {
	return q.level < 0 || slices.Index(severities, strings.TrimRight(severity(record), "234")) >= q.level
}

// has reports whether the line shows a text in lower case, in any case.
func (l logLine) has(text string) bool {
	in := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	if text == "" || in(l.Body) || in(l.Event) {
		return true
	}
	for key, value := range l.Attributes {
		if in(key + "=" + value) {
			return true
		}
	}
	return false
}
