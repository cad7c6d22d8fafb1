package streamsapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"example.com/clew/observability/telemetry/httpserver/httpservertest"
	"example.com/clew/observability/viewer"
	"example.com/clew/observability/viewer/page"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "the-token"

// rig is a viewer whose page shows a Redis of its own.
type rig struct {
	*testing.T
	viewer *viewer.Viewer
	client redis.UniversalClient
}

func newRig(t *testing.T) *rig {
	return newRigAt(t, messagingtest.Client(t, messagingtest.Redis(t)))
}

func newRigAt(t *testing.T, client redis.UniversalClient) *rig {
	return &rig{t, viewer.New(viewer.Config{Page: func(v *viewer.Viewer) http.Handler {
		streams := New(client, 2, time.Second, v.TracerProvider())
		return page.New(page.Config{Viewer: v, Streams: streams, Questions: streams.Questions(), Acts: streams.Acts(), Token: token})
	}}), client}
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

// add adds an entry to Redis, by hand.
func (r *rig) add(key, id string, fields ...any) {
	r.Helper()
	if err := r.client.Do(r.Context(), append([]any{"XADD", key, id}, fields...)...).Err(); err != nil {
		r.Fatal(err)
	}
}

func TestWithoutRedis(t *testing.T) {
	r := newRigAt(t, messagingtest.Client(t, "redis://127.0.0.1:1/0"))
	for _, question := range []string{
		"/api/streams", "/api/streams/orders/pending", "/api/streams/orders/0/entries/1-0", "/api/dead-letters",
	} {
		r.wantProblem(r.ask(http.MethodGet, question, ""), http.StatusServiceUnavailable, "Redis does not answer; this shows again what it holds as soon as it does")
	}
	for _, act := range []string{"redrive", "discard"} {
		got := r.ask(http.MethodPost, "/api/dead-letters/orders/0/1-0/"+act, "", "Authorization", "Bearer "+token)
		r.wantProblem(got, http.StatusServiceUnavailable, "Redis does not answer")
	}
}

func TestWhatRedisRefusesIsSaid(t *testing.T) {
	r := newRig(t)
	if err := r.client.Set(t.Context(), messaging.StreamKey("orders", 0), "no stream", 0).Err(); err != nil {
		t.Fatal(err)
	}
	got := r.ask(http.MethodGet, "/api/streams", "")
	r.wantProblem(got, http.StatusBadGateway, "WRONGTYPE")
	if detail := httpservertest.Problem(t, got, http.StatusBadGateway).Detail; strings.Contains(detail, "\n") {
		t.Errorf("more than a line: %s", got.Body)
	}
}
