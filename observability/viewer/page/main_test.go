package page

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"example.com/clew/observability/viewer"
	"example.com/clew/services/messaging/messagingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "the-token"

// rig is a viewer with its page, a Redis of its own, and an order API that is a test's.
type rig struct {
	*testing.T
	viewer *viewer.Viewer
	client redis.UniversalClient
	config Config
}

func newRig(t *testing.T) *rig {
	return newRigAt(t, messagingtest.Client(t, messagingtest.Redis(t)), "http://127.0.0.1:1")
}

// newRigAt has a page of this Redis and order API.
func newRigAt(t *testing.T, client redis.UniversalClient, orders string) *rig {
	r := &rig{T: t, client: client}
	r.viewer = viewer.New(viewer.Config{Page: func(v *viewer.Viewer) http.Handler {
		r.config = Config{
			Viewer: v, Orders: orders, Redis: client, Partitions: 2, Token: token,
			Dashboards: fstest.MapFS{
				"a.json": {Data: []byte(`{"uid":"clew-second","title":"Second","description":"2","panels":[{"type":"stat"}]}`)},
				"b.json": {Data: []byte(`{"uid":"clew-alone","title":"Alone"}`)},
				"c.json": {Data: []byte(`{"uid":"clew-overview","title":"Overview","links":[
					{"title":"All","url":""},{"title":"Next: Second","url":"/d/clew-second"}]}`)},
			},
			Runbooks: fstest.MapFS{"StreamLag.md": {Data: []byte("# Lag\n\nSee [Other](Other.md), [all](./README.md), " +
				"[away](https://example.com/x.md) and [evil](javascript:alert(1)).\n\n<script>alert(2)</script>\n\n`a < b`\n")}},
		}
		return New(r.config)
	}})
	return r
}

// noRedis is a client of a server that is not there.
func noRedis(t *testing.T) redis.UniversalClient {
	return messagingtest.Client(t, "redis://127.0.0.1:1/0")
}

// ask sends a request; headers are pairs of name and value.
func (r *rig) ask(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	r.viewer.Handler().ServeHTTP(w, request)
	return w
}

// read decodes the answer to a question that must succeed.
func read[T any](r *rig, path string) (value T) {
	r.Helper()
	got := r.ask(http.MethodGet, path, "")
	if got.Code != http.StatusOK || got.Header().Get("Content-Type") != "application/json" {
		r.Fatalf("%s: %d %s", path, got.Code, got.Body)
	}
	if err := json.Unmarshal(got.Body.Bytes(), &value); err != nil {
		r.Fatalf("%s: %v", path, err)
	}
	return value
}

// wantProblem fails unless the answer is a problem of this status that says so.
func (r *rig) wantProblem(got *httptest.ResponseRecorder, status int, says string) {
	r.Helper()
	var p problem
	err := json.Unmarshal(got.Body.Bytes(), &p)
	if err != nil || got.Code != status || p.Status != status || p.Title == "" || !strings.Contains(p.Detail, says) ||
		got.Header().Get("Content-Type") != "application/problem+json" {
		r.Errorf("answer %d %s: %s; want a problem %d that says %q", got.Code, got.Header(), got.Body, status, says)
	}
}

// add adds an entry to Redis, by hand.
func (r *rig) add(key, id string, fields ...any) {
	r.Helper()
	if err := r.client.Do(r.Context(), append([]any{"XADD", key, id}, fields...)...).Err(); err != nil {
		r.Fatal(err)
	}
}
