package page

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"

	"example.com/clew/observability/telemetry/httpserver/httpservertest"
	"example.com/clew/observability/viewer"
	"example.com/clew/observability/viewer/story"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "the-token"

// shelf is a system of streams that is a test's. (The real one is tested where it is.)
type shelf struct {
	mu     sync.Mutex
	count  int
	looks  int
	broken error
}

func (s *shelf) Look(context.Context) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	return Items([]int{s.count}), s.broken
}

func (s *shelf) Pending(_ context.Context, orderID string) ([]story.Pending, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return nil, s.broken
	}
	return []story.Pending{{Stream: "orders", Group: "inventory", Type: "order.created.v1", Consumer: "of " + orderID}}, nil
}

func (s *shelf) HasDeadLetter(context.Context, string) (bool, error) { return false, nil }

func (s *shelf) questions() map[string]Question {
	return map[string]Question{"GET /api/streams": func(r *http.Request) (any, error) { return s.Look(r.Context()) }}
}

func (s *shelf) acts() map[string]Question {
	return map[string]Question{"POST /api/shelf": func(*http.Request) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.count++
		return nil, nil
	}}
}

// rig is a viewer with its page, streams, and an order API that is a test's.
type rig struct {
	*testing.T
	viewer *viewer.Viewer
	shelf  *shelf
	config Config

	terminal *terminal
}

func newRig(t *testing.T) *rig { return newRigAt(t, "http://127.0.0.1:1") }

// newRigAt has a page of this order API.
func newRigAt(t *testing.T, orders string) *rig {
	r := &rig{T: t, shelf: &shelf{}, terminal: &terminal{}}
	r.viewer = viewer.New(viewer.Config{Page: func(v *viewer.Viewer) http.Handler {
		r.config = Config{
			Viewer: v, Orders: orders, Streams: r.shelf, Questions: r.shelf.questions(), Acts: r.shelf.acts(), Token: token, Journey: story.Settings{Turns: []story.TurnSettings{
				{Service: "order", Request: "POST /orders", Stream: "orders", Types: []string{"order.created.v1"}},
				{Service: "inventory", Reads: "orders", Stream: "stock", Types: []string{"stock.reserved.v1"}},
			}},
			Dashboards: fstest.MapFS{
				"a.json": {Data: []byte(`{"uid":"clew-second","title":"Second","description":"2","panels":[{"type":"stat"}]}`)},
				"b.json": {Data: []byte(`{"uid":"clew-alone","title":"Alone"}`)},
				"c.json": {Data: []byte(`{"uid":"clew-overview","title":"Overview","links":[
					{"title":"All","url":""},{"title":"Next: Second","url":"/d/clew-second"}]}`)},
			},
			Documents: documents, Repository: repository, Terminal: r.terminal,
			Runbooks: fstest.MapFS{"Other.md": {}, "README.md": {}, "StreamLag.md": {Data: []byte("# Lag\n\nSee [Other](Other.md), [all](./README.md), " +
				"[away](https://example.com/x.md) and [evil](javascript:alert(1)).\n\n<script>alert(2)</script>\n\n`a < b`\n\n```promql\nsum by (job) (up) > 1\n```\n")}},
		}
		return New(r.config)
	}})
	return r
}

// ask sends a request; header is name, value, name, value …
func (r *rig) ask(method, path, body string, header ...string) *httptest.ResponseRecorder {
	return httpservertest.Ask(r.viewer.Handler(), method, path, body, header...)
}

// read decodes the answer to a question that must succeed.
func read[T any](r *rig, path string) T {
	r.Helper()
	return httpservertest.Decode[T](r, r.ask(http.MethodGet, path, ""), http.StatusOK)
}

// wantProblem fails unless the answer is a problem of this status that says so.
func (r *rig) wantProblem(got *httptest.ResponseRecorder, status int, says string) {
	r.Helper()
	if p := httpservertest.Problem(r, got, status); !strings.Contains(p.Detail, says) {
		r.Errorf("problem %+v, want one that says %q", p, says)
	}
}
