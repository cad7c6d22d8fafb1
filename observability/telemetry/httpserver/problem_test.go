package httpserver_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/telemetry/httpserver/httpservertest"
)

func TestWhatTheMuxDoesNotKnowIsAProblem(t *testing.T) {
	handler := httpserver.Wrap(newMux(), nil, quiet)

	p := httpservertest.Problem(t, httpservertest.Ask(handler, "GET", "/nope", ""), http.StatusNotFound)
	if p.Detail != "nothing is served at /nope" {
		t.Errorf("404 says %q", p.Detail)
	}

	w := httpservertest.Ask(handler, "DELETE", "/things", "")
	p = httpservertest.Problem(t, w, http.StatusMethodNotAllowed)
	if allow := w.Header().Get("Allow"); allow != "GET, HEAD, POST" || p.Detail != "DELETE is not allowed at /things; allowed: GET, HEAD, POST" {
		t.Errorf("405 says %q, Allow: %q", p.Detail, allow)
	}
}

func TestAnswersOfHandlersPass(t *testing.T) {
	handler := httpserver.Wrap(newMux(), nil, quiet)

	if w := httpservertest.Ask(handler, "GET", "/own", ""); w.Code != http.StatusNotFound || w.Body.String() != "my own words\n" {
		t.Errorf("a handler's own 404 became %d %q", w.Code, w.Body)
	}
}

// The mux would redirect to the cleaned path, and a POST would arrive there as a GET, or as a page of HTML at a client.
func TestAPathThatIsNotCleanIsNotServed(t *testing.T) {
	handler := httpserver.Wrap(newMux(), nil, quiet)
	for _, path := range []string{"//things", "//nope", "/things//", "/own/../things", "/./things"} {
		for _, method := range []string{"GET", "POST"} {
			w := httpservertest.Ask(handler, method, path, "")
			if httpservertest.Problem(t, w, http.StatusNotFound); w.Header().Get("Location") != "" {
				t.Errorf("%s %s: a redirect to %s", method, path, w.Header().Get("Location"))
			}
		}
	}
}

func TestAPanicIsAProblemWithoutItsText(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	w := httpservertest.Ask(httpserver.Wrap(newMux(), nil, logger), "GET", "/fail", "")

	httpservertest.Problem(t, w, http.StatusInternalServerError)
	if strings.Contains(w.Body.String(), "secret") {
		t.Errorf("the answer has the panic's text: %s", w.Body)
	}
	for _, want := range []string{"the secret", "main_test.go", "path=/fail"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, &log)
		}
	}
}

func TestAnAnswerCutShortEndsTheConnection(t *testing.T) {
	for path, logged := range map[string]bool{"/begun": true, "/abort": false} {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		server := httptest.NewServer(httpserver.Wrap(newMux(), nil, logger))
		answer, err := server.Client().Get(server.URL + path)
		if err == nil {
			_, err = io.ReadAll(answer.Body)
			answer.Body.Close()
		}
		server.Close()
		if err == nil {
			t.Errorf("%s: the client took half an answer for a whole one", path)
		}
		if got := strings.Contains(log.String(), "panicked"); got != logged {
			t.Errorf("%s: logged %v, want %v: %s", path, got, logged, &log)
		}
	}
}

func TestAProblemTakesThePlaceOfAnotherAnswer(t *testing.T) {
	w := httptest.NewRecorder()
	for name, value := range map[string]string{"Content-Length": "7", "Etag": "x", "Last-Modified": "x", "Content-Encoding": "gzip"} {
		w.Header().Set(name, value)
	}
	w.Header().Set("Cache-Control", "max-age=60")
	httpserver.Problemf(http.StatusConflict, "%s is taken", "the lamp").Write(w)
	if p := httpservertest.Problem(t, w, http.StatusConflict); p.Detail != "the lamp is taken" || len(w.Header()) != 2 {
		t.Errorf("%v %+v", w.Header(), p)
	}

	w = httptest.NewRecorder()
	w.Header().Set("Cache-Control", "no-store")
	httpserver.Unexpected(io.ErrUnexpectedEOF).Write(w)
	p := httpservertest.Problem(t, w, http.StatusInternalServerError)
	if w.Header().Get("Cache-Control") != "no-store" || strings.Contains(w.Body.String(), "EOF") {
		t.Errorf("%v %+v, want the ban on keeping it to stay, and no cause", w.Header(), p)
	}
}
