package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"example.com/clew/observability/viewer"
	"example.com/clew/observability/viewer/page"
	"example.com/clew/observability/viewer/page/pagetest"
	"example.com/clew/observability/viewer/story"
	"example.com/clew/observability/viewer/story/storytest"
)

const deadline = 30 * time.Second // of whatever a test waits for outside of the browser

// object is anything that becomes JSON.
type object = map[string]any

func list(items ...any) object { return object{"items": append([]any{}, items...)} }

// request is what the page sent with POST.
type request struct {
	path    string
	header  http.Header
	content object
}

// A stage is the page, served by a viewer. Some of its paths answer what a test sets instead.
type stage struct {
	t      *testing.T
	url    string
	viewer *viewer.Viewer

	mu            sync.Mutex
	pending       []story.Pending
	discarded     bool
	answers       map[string]any // by path, or POST and path; an int is the status of a problem, a func(url.Values) any is called
	posted        chan request
	traceresponse string // of each answer, set before the page is opened

	events chan string
}

// newStage has neither orders nor messages, and nothing is measured. The test goes on beside others that have a stage.
func newStage(t *testing.T) *stage {
	t.Helper()
	s := newStageOf(t, nil, fstest.MapFS{})
	for _, path := range []string{"/api/v1/query", "/api/v1/query_range"} {
		s.set(path, object{"status": "success", "data": object{"result": []any{}}})
	}
	return s
}

// Look, Pending and HasDeadLetter are the stage as page.Streams. A test answers the page's questions about streams by their
// paths, and sets what is pending.
func (s *stage) Look(context.Context) (any, error) { return nil, nil }

func (s *stage) Pending(context.Context, string) ([]story.Pending, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending, nil
}

func (s *stage) HasDeadLetter(context.Context, string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.discarded, nil
}

// discard makes dead letters go.
func (s *stage) discard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.discarded = true
}

// hold sets what is pending.
func (s *stage) hold(pending ...story.Pending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = pending
}

// newStageOf has dashboards, whose queries go to metrics.
func newStageOf(t *testing.T, metrics http.Handler, dashboards fs.FS) *stage {
	t.Helper()
	t.Parallel()
	s := &stage{
		t: t, posted: make(chan request, 10), events: make(chan string),
		answers: map[string]any{
			"/api/v1/alerts": object{"data": object{"alerts": []any{}}},
			"/api/orders":    list(), "/api/dead-letters": object{"items": []any{}, "total": 0}, "/api/streams": list(),
			"/api/streams/orders/pending": list(), "/api/streams/stock/pending": list(),
		},
	}
	const nobody = "127.0.0.1:1"
	s.viewer = viewer.New(viewer.Config{Metrics: metrics, Page: func(v *viewer.Viewer) http.Handler {
		return page.New(page.Config{
			Viewer: v, Orders: "http://" + nobody, Journey: storytest.Settings, Streams: s,
			Dashboards: dashboards, Runbooks: fstest.MapFS{
				"Loud.md":  {Data: []byte("# Loud\n\nListen. Then be [quiet](Quiet.md).\n")},
				"Quiet.md": {Data: []byte("# Quiet\n")},
			},
		})
	}})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if r.Method == http.MethodPost {
		path = "POST " + path
	}
	s.mu.Lock()
	answer, ours := s.answers[path]
	s.mu.Unlock()
	switch {
	case path == "/api/changes":
		s.tell(w, r)
		return
	case !ours:
		s.viewer.Handler().ServeHTTP(w, r)
		return
	case r.Method == http.MethodPost:
		sent := request{path: r.URL.Path, header: r.Header}
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &sent.content)
		s.posted <- sent
	}
	if s.traceresponse != "" {
		w.Header().Set("Traceresponse", s.traceresponse)
	}
	if ask, asked := answer.(func(url.Values) any); asked {
		answer = ask(r.URL.Query())
	}
	if status, failed := answer.(int); failed {
		w.WriteHeader(status)
		answer = object{"title": http.StatusText(status), "status": status, "detail": fmt.Sprintf("%s answers %d", path, status)}
	}
	writeJSON(w, answer)
}

func writeJSON(w http.ResponseWriter, answer any) { _ = json.NewEncoder(w).Encode(answer) }

func (s *stage) tell(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	_ = http.NewResponseController(w).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case event := <-s.events:
			_, _ = io.WriteString(w, event)
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// set is what a path answers from now on.
func (s *stage) set(path string, answer any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[path] = answer
}

// event tells the page of a change.
func (s *stage) event(kind string, data any) {
	s.t.Helper()
	text, err := json.Marshal(data)
	if err != nil {
		s.t.Fatal(err)
	}
	select {
	case s.events <- fmt.Sprintf("event: %s\ndata: %s\n\n", kind, text):
	case <-time.After(deadline):
		s.t.Fatal("the page did not ask for changes")
	}
}

// sent is the next request that the page posts.
func (s *stage) sent() request {
	s.t.Helper()
	select {
	case r := <-s.posted:
		return r
	case <-time.After(deadline):
		s.t.Fatal("the page posted nothing")
		return request{}
	}
}

// open shows a path of the stage.
func (s *stage) open(path string) *pagetest.Tab { s.t.Helper(); return s.openAs(path, pagetest.Look{}) }

func (s *stage) openAs(path string, look pagetest.Look) *pagetest.Tab {
	s.t.Helper()
	return browser.Open(s.t, s.url+path, look)
}

// record keeps recorded traces, and returns what they tell of.
func (s *stage) record(kind string) recording {
	s.t.Helper()
	told := recorded(s.t, kind)
	s.keep(told.traces...)
	return told
}

// keep has the viewer keep traces.
func (s *stage) keep(traces ...trace) {
	s.t.Helper()
	for _, trace := range traces {
		s.export(trace.spans)
	}
}

// send exports spans of a service to the viewer.
func (s *stage) send(service string, spans ...*tracepb.Span) {
	s.t.Helper()
	s.export(&tracepb.TracesData{ResourceSpans: resourceSpans(service, spans...)})
}

// sendMore is send, and the page is told of it.
func (s *stage) sendMore(service string, spans ...*tracepb.Span) {
	s.t.Helper()
	s.send(service, spans...)
	s.event("traces", object{"ids": []string{fmt.Sprintf("%x", spans[0].GetTraceId())}})
}

func (s *stage) export(traces *tracepb.TracesData) {
	s.t.Helper()
	body, err := proto.Marshal(&collectorpb.ExportTraceServiceRequest{ResourceSpans: traces.GetResourceSpans()})
	if err != nil {
		s.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/v1/traces", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/x-protobuf")
	response := httptest.NewRecorder()
	s.viewer.OTLPHandler().ServeHTTP(response, r)
	if response.Code != http.StatusOK {
		s.t.Fatalf("export: %d %s", response.Code, response.Body)
	}
}
