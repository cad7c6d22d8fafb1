package httpserver_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/clew/services/service/httpserver"
)

func TestWhatTheMuxDoesNotKnowIsAProblem(t *testing.T) {
	handler := httpserver.Wrap(newMux(quiet), nil, quiet)

	p := problem(t, ask(handler, "GET", "/nope", "", nil), http.StatusNotFound)
	if p.Detail != "nothing is served at /nope" {
		t.Errorf("404 says %q", p.Detail)
	}

	w := ask(handler, "DELETE", "/things/1", "", nil)
	p = problem(t, w, http.StatusMethodNotAllowed)
	if allow := w.Header().Get("Allow"); allow != "POST" || p.Detail != "DELETE is not allowed at /things/1; allowed: POST" {
		t.Errorf("405 says %q, Allow: %q", p.Detail, allow)
	}
}

func TestAnswersOfHandlersAndRedirectsPass(t *testing.T) {
	handler := httpserver.Wrap(newMux(quiet), nil, quiet)

	if w := ask(handler, "GET", "/own", "", nil); w.Code != http.StatusNotFound || w.Body.String() != "my own words\n" {
		t.Errorf("a handler's own 404 became %d %q", w.Code, w.Body)
	}
	for _, path := range []string{"//docs", "//nope"} {
		w := ask(handler, "GET", path, "", nil)
		if location := w.Header().Get("Location"); w.Code/100 != 3 || location != path[1:] {
			t.Errorf("%s: status %d, Location %q, want a redirect to the cleaned path", path, w.Code, location)
		}
	}
}

func TestAPanicIsAProblemWithoutItsText(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	w := ask(httpserver.Wrap(newMux(logger), nil, logger), "GET", "/fail/badly", "", nil)

	problem(t, w, http.StatusInternalServerError)
	if strings.Contains(w.Body.String(), "secret") {
		t.Errorf("the answer has the panic's text: %s", w.Body)
	}
	for _, want := range []string{"the secret badly", "main_test.go", "path=/fail/badly"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, &log)
		}
	}
}

func TestAnAnswerCutShortEndsTheConnection(t *testing.T) {
	for path, logged := range map[string]bool{"/begun": true, "/abort": false} {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		server := httptest.NewServer(httpserver.Wrap(newMux(logger), nil, logger))
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

func TestAHandlerCanStream(t *testing.T) {
	mux := http.NewServeMux()
	seen := make(chan struct{})
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		select {
		case <-seen:
			_, _ = io.WriteString(w, "second")
		case <-r.Context().Done():
		}
	})
	server := httptest.NewServer(traced(httpserver.Wrap(mux, nil, quiet), true).handler)
	defer server.Close()

	answer, err := server.Client().Get(server.URL + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	first := make([]byte, len("first"))
	if _, err := io.ReadFull(answer.Body, first); err != nil {
		t.Fatal(err)
	}
	close(seen)
	rest, err := io.ReadAll(answer.Body)
	if string(first) != "first" || string(rest) != "second" || err != nil {
		t.Errorf("got %q then %q, %v", first, rest, err)
	}
}
