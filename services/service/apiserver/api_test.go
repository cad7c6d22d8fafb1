package apiserver_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/telemetry/httpserver/httpservertest"
)

func TestErrorsNameTheField(t *testing.T) {
	handler := httpserver.Wrap(newMux(quiet), nil, quiet)
	for _, c := range []struct {
		name, body        string
		status            int
		location, message string
	}{
		{"cut off", `{"name":`, 400, "body.name", "it ends too early"},
		{"malformed", `{"name":x`, 400, "body.name", "invalid character 'x' looking for beginning of value"},
		{"trailing data", `{"name":"a","count":1} x`, 400, "body", "expected nothing after the value"},
		{"a second value", `{"name":"a","count":1}{}`, 400, "body", "expected nothing after the value"},
		{"a name twice", `{"name":"a","count":1,"count":2}`, 400, "body.count", "expected once"},
		{"too deep", strings.Repeat("[", 1<<19), 400, "body" + strings.Repeat("[0]", 33), "expected at most 32 levels"},
		{"null", `{"name":null,"count":1}`, 422, "body.name", "expected string"},
		{"null, where nothing is due", `{"name":"a","count":1,"tag":null}`, 422, "body.tag", "expected string"},
		{"no object", `[1]`, 422, "body", "expected object"},
		{"missing", `{"name":"a"}`, 422, "body", "expected required property count to be present"},
		{"unknown", `{"name":"a","count":1,"x":"secret"}`, 422, "body.x", "unexpected property"},
		{"wrong case", `{"Name":"a","name":"a","count":1}`, 422, "body.Name", "unexpected property"},
		{"wrong type", `{"name":"a","count":"secret"}`, 422, "body.count", "expected integer"},
		{"too small", `{"name":"a","count":0}`, 422, "body.count", "expected number >= 1"},
		{"above the bound", `{"name":"a","count":1000001}`, 422, "body.count", "expected number <= 1000000"},
		{"too large for 64 bits", `{"name":"a","count":9223372036854775808}`, 422, "body.count", "expected integer"},
		{"infinite", `{"name":"a","count":1e999}`, 422, "body.count", "expected integer"},
		{"a fraction", `{"name":"a","count":1.0}`, 422, "body.count", "expected integer"},
		{"wrong text", `{"name":"SECRET","count":1}`, 422, "body.name", "expected string to match pattern ^[a-z]{1,8}$"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httpservertest.Ask(handler, "POST", "/things/1", c.body)
			if strings.Contains(strings.ToLower(w.Body.String()), "secret") {
				t.Errorf("the answer echoes the request: %s", w.Body)
			}
			want := []httpserver.ProblemField{{Location: c.location, Message: c.message}}
			if diff := cmp.Diff(want, httpservertest.Problem(t, w, c.status).Errors); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}

	httpservertest.Problem(t, httpservertest.Ask(handler, "POST", "/things/1", "hello", "Content-Type", "text/plain"), http.StatusUnsupportedMediaType)
	if p := httpservertest.Problem(t, httpservertest.Ask(handler, "GET", "/fail/conflict", ""), http.StatusConflict); p.Detail != "already cancelled" {
		t.Errorf("409 says %q", p.Detail)
	}
}

func TestTheCharsetIsUTF8(t *testing.T) {
	handler := httpserver.Wrap(newMux(quiet), nil, quiet)
	for charset, refused := range map[string]bool{
		"utf-8": false, "UTF-8": false, `"Utf-8"`: false, "utf-16": true, "utf-16le": true, "iso-8859-1": true, "utf8": true,
	} {
		w := httpservertest.Ask(handler, "POST", "/things/1", `{"name":"a","count":1}`, "Content-Type", "application/json; charset="+charset)
		if !refused {
			if w.Code != http.StatusOK {
				t.Errorf("%s: %d %s", charset, w.Code, w.Body)
			}
			continue
		}
		want := []httpserver.ProblemField{{Location: "header.Content-Type", Message: "expected the charset utf-8, which JSON has, or none"}}
		if diff := cmp.Diff(want, httpservertest.Problem(t, w, http.StatusUnsupportedMediaType).Errors); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", charset, diff)
		}
	}
}

func TestAnUnexpectedErrorIsLoggedNotShown(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	w := httpservertest.Ask(httpserver.Wrap(newMux(logger), nil, logger), "GET", "/fail/plain", "")

	httpservertest.Problem(t, w, http.StatusInternalServerError)
	if strings.Contains(w.Body.String(), io.ErrUnexpectedEOF.Error()) {
		t.Errorf("the answer has the error's text: %s", w.Body)
	}
	if !strings.Contains(log.String(), io.ErrUnexpectedEOF.Error()) || !strings.Contains(log.String(), "operation=fail") {
		t.Errorf("the log lacks the error or the operation: %s", &log)
	}
}

// What the service needs is away, or others have it: the same request may succeed in a moment.
func TestAnOutageIsNoFailureOfTheServer(t *testing.T) {
	for _, how := range []string{"unavailable", "contended"} {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		w := httpservertest.Ask(httpserver.Wrap(newMux(logger), nil, logger), "GET", "/fail/"+how, "")
		p := httpservertest.Problem(t, w, http.StatusServiceUnavailable)
		if got := w.Header().Get("Retry-After"); got != "1" || !strings.Contains(p.Detail, "try again") {
			t.Errorf("%s: Retry-After %q, detail %q", how, got, p.Detail)
		}
		if strings.Contains(w.Body.String(), io.ErrUnexpectedEOF.Error()) || !strings.Contains(log.String(), io.ErrUnexpectedEOF.Error()) {
			t.Errorf("%s: the cause is in the answer, or not in the log: %s %s", how, w.Body, &log)
		}
	}
}

func TestAnAnswerIsJSONWhateverIsAccepted(t *testing.T) {
	w := httpservertest.Ask(httpserver.Wrap(newMux(quiet), nil, quiet), "POST", "/things/1", `{"name":"a","count":1}`,
		"Accept", "application/xml")
	if got := w.Header().Get("Content-Type"); got != "application/json" || w.Body.String() != `{"name":"a","count":1}`+"\n" {
		t.Errorf("got %s %s, want the thing and nothing more", got, w.Body)
	}
}

func TestOpenAPI(t *testing.T) {
	w := httpservertest.Ask(httpserver.Wrap(newMux(quiet), nil, quiet), "GET", "/openapi.json", "")
	var document struct {
		OpenAPI    string
		Info       struct{ Title, Version, Description string }
		Paths      map[string]any
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	if document.OpenAPI != "3.1.0" || document.Info.Title != "Things" || document.Info.Version != "1.2.3" ||
		document.Info.Description != "Things to test with." {
		t.Errorf("openapi %s, info %+v", document.OpenAPI, document.Info)
	}
	for _, path := range []string{"/things/{id}", "/fail/{how}"} {
		if document.Paths[path] == nil {
			t.Errorf("no path %s", path)
		}
	}
	for _, schema := range []string{"Thing", "Problem", "ProblemField"} {
		if document.Components.Schemas[schema] == nil {
			t.Errorf("no schema %s", schema)
		}
	}
}

func TestTheDocsPageLoadsNothingFromElsewhere(t *testing.T) {
	handler := httpserver.Wrap(newMux(quiet), nil, quiet)
	elsewhere := regexp.MustCompile(`https?://|\burl\(|@import|style=|<script>|<style`)
	for path, contentType := range map[string]string{
		"/docs":          "text/html; charset=utf-8",
		"/docs/docs.css": "text/css; charset=utf-8",
		"/docs/docs.js":  "text/javascript; charset=utf-8",
	} {
		w := httpservertest.Ask(handler, "GET", path, "")
		if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || got != contentType {
			t.Errorf("%s: %d %s", path, w.Code, got)
		}
		if policy := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'self';") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if found := elsewhere.FindString(w.Body.String()); found != "" {
			t.Errorf("%s contains %q", path, found)
		}
	}
}
