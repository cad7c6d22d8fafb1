// Package httpservertest asks HTTP handlers in tests, without a network.
package httpservertest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/clew/observability/telemetry/httpserver"
)

// Ask sends one request through handler and returns its answer. target is a URL, or a path of http://localhost. A body is
// announced as JSON. header is name, value, name, value …
func Ask(handler http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	if strings.HasPrefix(target, "/") {
		target = "http://localhost" + target
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// Decode reads the JSON of an answer, which must have this status.
func Decode[T any](t testing.TB, w *httptest.ResponseRecorder, status int) (value T) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("status %d, want %d; body %s", w.Code, status, w.Body)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" && got != "application/problem+json" {
		t.Fatalf("content type %q, want JSON; body %s", got, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &value); err != nil {
		t.Fatalf("body %q: %v", w.Body, err)
	}
	return value
}

// Problem reads an answer that must be a problem of this status.
func Problem(t testing.TB, w *httptest.ResponseRecorder, status int) httpserver.Problem {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("content type %q, want a problem; status %d, body %s", got, w.Code, w.Body)
	}
	p := Decode[httpserver.Problem](t, w, status)
	if p.Status != status || p.Title != http.StatusText(status) {
		t.Fatalf("body %s, want status %d and its text", w.Body, status)
	}
	return p
}
