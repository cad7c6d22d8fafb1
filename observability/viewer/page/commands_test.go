package page

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/telemetry/httpserver/httpservertest"
)

// terminal is a test's. It runs what begins with run, and notes it.
type terminal struct {
	mu   sync.Mutex
	ran  []string
	hang func(context.Context) // nil if commands end at once
}

func (*terminal) Runs(command string) bool { return strings.HasPrefix(command, "run ") }

func (t *terminal) Run(ctx context.Context, command string) (string, int, error) {
	t.mu.Lock()
	t.ran = append(t.ran, command)
	t.mu.Unlock()
	if t.hang != nil {
		t.hang(ctx)
		return "began", -1, nil
	}
	return "printed", 3, nil
}

func (r *rig) command(body string) map[string]any {
	r.Helper()
	answer := r.ask(http.MethodPost, "/api/commands", body, "Authorization", "Bearer "+token)
	return httpservertest.Decode[map[string]any](r, answer, http.StatusOK)
}

func TestOnlyCommandsOfLessonsRun(t *testing.T) {
	r := newRig(t)
	const first = `{"path":"docs/lessons/1-first.md","block":1,"line":0}`
	if diff := cmp.Diff(map[string]any{"command": "run a", "output": "printed", "status": 3.0}, r.command(first)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := r.command(`{"path":"docs/lessons/1-first.md","block":1,"line":2,"id":"0a-b/1"}`); got["command"] != "run 0a-b/1" {
		t.Errorf("%v, want the id in it", got)
	}
	r.terminal.ran = nil
	for body, want := range map[string]struct {
		status int
		says   string
	}{
		`{"path":"docs/lessons/1-first.md","block":1,"line":1}`: {http.StatusNotFound, "no command"},
		`{"path":"docs/lessons/1-first.md","block":9,"line":0}`: {http.StatusNotFound, "no command"},
		`{"path":"README.md"}`:                         {http.StatusNotFound, "no command"},
		`{"path":"docs/lessons/none.md"}`:              {http.StatusNotFound, "no document"},
		`{"path":"code/a.go"}`:                         {http.StatusNotFound, "no document"},
		`{"command":"run x"}`:                          {http.StatusNotFound, "no document"},
		`run a`:                                        {http.StatusBadRequest, "expected path"},
		`{"path":"` + strings.Repeat("x", 5000) + `"}`: {http.StatusBadRequest, "too large"},
		`{"path":"docs/lessons/1-first.md","block":1,"line":2}`:                 {http.StatusBadRequest, "needs an id"},
		`{"path":"docs/lessons/1-first.md","block":1,"line":2,"id":"-x"}`:       {http.StatusBadRequest, "needs an id"},
		`{"path":"docs/lessons/1-first.md","block":1,"line":2,"id":"1 2"}`:      {http.StatusBadRequest, "needs an id"},
		`{"path":"docs/lessons/1-first.md","block":1,"line":2,"id":"1;reboot"}`: {http.StatusBadRequest, "needs an id"},
	} {
		r.wantProblem(r.ask(http.MethodPost, "/api/commands", body, "Authorization", "Bearer "+token), want.status, want.says)
	}
	r.wantProblem(r.ask(http.MethodPost, "/api/commands", first), http.StatusUnauthorized, "token")
	if len(r.terminal.ran) != 0 {
		t.Errorf("%q ran", r.terminal.ran)
	}
}

func TestACommandThatDoesNotEnd(t *testing.T) {
	r := newRig(t)
	r.viewer.Handler() // makes the configuration
	synctest.Test(t, func(t *testing.T) {
		ask := func(hang func(context.Context)) func() string {
			r.config.Terminal = &terminal{hang: hang}
			handler := New(r.config)
			return func() string {
				return httpservertest.Ask(handler, http.MethodPost, "/api/commands", `{"path":"docs/lessons/1-first.md","block":1,"line":0}`,
					"Authorization", "Bearer "+token).Body.String()
			}
		}
		stopped := ask(func(ctx context.Context) { <-ctx.Done() })
		if got := stopped(); !strings.Contains(got, `began\nstopped, for it did not end within 50s`) {
			t.Errorf("%s, want what it printed, and that it was stopped", got)
		}
		release := make(chan struct{})
		deaf := ask(func(context.Context) { <-release })
		var all sync.WaitGroup
		for range maxCommands {
			all.Go(func() { deaf() })
		}
		synctest.Wait()
		if got := deaf(); !strings.Contains(got, "other commands still run") {
			t.Errorf("%s, want that others run", got)
		}
		close(release)
		all.Wait()
	})
}
