package browsertest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"example.com/clew/observability/viewer/page/pagetest"
)

// A series has one value at all times.
type series struct {
	labels map[string]string
	value  string
}

// one is a series without labels.
func one(value string) []series { return []series{{nil, value}} }

// An engine answers queries as Prometheus does.
type engine struct {
	mu        sync.Mutex
	answers   map[string][]series // by query
	otherwise func(query string) []series
	failing   map[string]string        // by query: the error
	held      map[string]chan struct{} // by query: answered once the channel is closed
	values    map[string][]string      // by label
	exemplars map[string]string        // by query: the trace
	asked     []string                 // "query", "query_range …": queries and selectors in the order of their coming
}

func (e *engine) set(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
}

// count returns how often something was asked.
func (e *engine) count(query string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, asked := range e.asked {
		if asked == query {
			n++
		}
	}
	return n
}

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := strings.TrimPrefix(r.URL.Path, "/api/v1/")
	query := r.FormValue("query")
	e.mu.Lock()
	if what != "query_exemplars" {
		e.asked = append(e.asked, query+r.FormValue("match[]"))
	}
	answer, ok := e.answers[query]
	if !ok && e.otherwise != nil {
		answer = e.otherwise(query)
	}
	problem, held, trace := e.failing[query], e.held[query], e.exemplars[query]
	values := e.values[strings.TrimSuffix(strings.TrimPrefix(what, "label/"), "/values")]
	e.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-r.Context().Done():
			return
		}
	}
	if problem != "" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		writeJSON(w, map[string]any{"status": "error", "errorType": "execution", "error": problem})
		return
	}
	var data any
	switch what {
	case "query":
		data = map[string]any{"resultType": "vector", "result": vector(answer, seconds(r, "time"))}
	case "query_range":
		data = map[string]any{"resultType": "matrix", "result": matrix(answer, seconds(r, "start"), seconds(r, "end"), seconds(r, "step"))}
	case "query_exemplars":
		data = []any{}
		if trace != "" {
			data = []any{map[string]any{"seriesLabels": map[string]string{}, "exemplars": []any{map[string]any{
				"labels": map[string]string{"trace_id": trace}, "value": "0.5", "timestamp": seconds(r, "end") - 60}}}}
		}
	default:
		data = append([]string{}, values...)
	}
	writeJSON(w, map[string]any{"status": "success", "data": data})
}

func seconds(r *http.Request, name string) float64 {
	value, _ := strconv.ParseFloat(r.FormValue(name), 64)
	return value
}

func vector(answer []series, at float64) []any {
	result := []any{}
	for _, s := range answer {
		result = append(result, map[string]any{"metric": s.metric(), "value": []any{at, s.value}})
	}
	return result
}

func matrix(answer []series, start, end, step float64) []any {
	result := []any{}
	for _, s := range answer {
		var values []any
		for at := start; at <= end; at += step {
			values = append(values, []any{at, s.value})
		}
		result = append(result, map[string]any{"metric": s.metric(), "values": values})
	}
	return result
}

func (s series) metric() map[string]string {
	if s.labels == nil {
		return map[string]string{}
	}
	return s.labels
}

// until waits for what the engine was asked.
func (e *engine) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	end := time.After(deadline)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-end:
			e.mu.Lock()
			defer e.mu.Unlock()
			t.Fatalf("%s: did not happen; asked were %q", what, e.asked)
		}
	}
}

// A board is a dashboard to be written as JSON: its panels stand below each other, whole rows of height 8.
func board(more string, panels ...string) string {
	var written []string
	for i, p := range panels {
		written = append(written, fmt.Sprintf(`{"id": %d, "title": "Panel %[1]d", "gridPos": {"x": 0, "y": %d, "w": 24, "h": 8}, %s}`, i+1, i*8, p))
	}
	return fmt.Sprintf(`{"uid": "test", "title": "Test", "time": {"from": "now-15m", "to": "now"}, %s "panels": [%s]}`,
		more, strings.Join(written, ",\n"))
}

// openBoard shows a dashboard whose uid is "test", beside which there is another.
func openBoard(t *testing.T, e *engine, dashboard string) *pagetest.Tab {
	t.Helper()
	return openBoardAs(t, e, dashboard, "", pagetest.Look{Height: 1600})
}

// openBoardAs adds to its address.
func openBoardAs(t *testing.T, e *engine, dashboard, query string, look pagetest.Look) *pagetest.Tab {
	t.Helper()
	return newStageOf(t, e, fstest.MapFS{
		"test.json":  {Data: []byte(dashboard)},
		"other.json": {Data: []byte(`{"uid": "other", "title": "Other", "description": "of others"}`)},
	}).openAs("/d/test"+query, look)
}
