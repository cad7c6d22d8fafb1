package httpserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/goleak"

	"example.com/clew/services/messaging"
	"example.com/clew/services/service/httpserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// thing is the resource of a small API that has one of each that a test needs.
type thing struct {
	Name  string `json:"name" pattern:"^[a-z]{1,8}$"`
	Count int64  `json:"count" minimum:"1" maximum:"1000000"`
	Tag   string `json:"tag,omitempty"`
}

// newMux serves the small API and handlers outside huma.
func newMux(logger *slog.Logger) *http.ServeMux {
	mux := http.NewServeMux()
	api := httpserver.NewAPI(mux, logger, "Things", "1.2.3", "Things to test with.")
	huma.Register(api, huma.Operation{Method: http.MethodPost, Path: "/things/{id}", OperationID: "put-thing"},
		func(_ context.Context, in *struct {
			ID   string `path:"id"`
			Body thing
		}) (*struct{ Body thing }, error) {
			return &struct{ Body thing }{in.Body}, nil
		})
	huma.Register(api, huma.Operation{Method: http.MethodGet, Path: "/fail/{how}", OperationID: "fail"},
		func(_ context.Context, in *struct {
			How string `path:"how"`
		}) (*struct{}, error) {
			switch in.How {
			case "plain":
				return nil, io.ErrUnexpectedEOF
			case "unavailable":
				return nil, fmt.Errorf("read: %w", messaging.Unavailable(io.ErrUnexpectedEOF))
			case "contended":
				return nil, fmt.Errorf("read: %w", messaging.Contended(io.ErrUnexpectedEOF))
			case "conflict":
				return nil, huma.Error409Conflict("already cancelled")
			}
			panic("the secret " + in.How)
		})
	mux.HandleFunc("GET /begun", func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		panic("too late")
	})
	mux.HandleFunc("GET /abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("GET /own", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "my own words", http.StatusNotFound) })
	return mux
}

// ask sends one request through handler, without a network.
func ask(handler http.Handler, method, target, body string, header http.Header) *httptest.ResponseRecorder {
	if strings.HasPrefix(target, "/") {
		target = "http://localhost:8080" + target
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for key, values := range header {
		r.Header[key] = values
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// problem decodes an answer that must be a problem with that status.
func problem(t *testing.T, w *httptest.ResponseRecorder, status int) httpserver.Problem {
	t.Helper()
	var p httpserver.Problem
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("content type %q, want application/problem+json; body %s", got, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("body %q: %v", w.Body, err)
	}
	if w.Code != status || p.Status != status || p.Title != http.StatusText(status) {
		t.Fatalf("status %d, body %s; want %d in both", w.Code, w.Body, status)
	}
	return p
}
