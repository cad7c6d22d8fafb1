package httpserver_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"example.com/clew/observability/telemetry/httpserver"
)

// start serves as Serve does, with timeouts of the test's own.
func start(t *testing.T, change func(*http.Server)) string {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config = httpserver.NewServer(httpserver.Wrap(newMux(), nil, quiet), quiet)
	change(server.Config)
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// A header that does not come is not answered: net/http closes the connection.
func TestASlowHeaderIsCutOff(t *testing.T) {
	addr := start(t, func(s *http.Server) { s.ReadHeaderTimeout = 50 * time.Millisecond })
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /things HTTP/1.1\r\nHost: local"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || len(answer) > 0 {
		t.Errorf("answer %q, error %v, want a closed connection", answer, err)
	}
}

func TestNoWaitIsEndless(t *testing.T) {
	s := httpserver.NewServer(http.NotFoundHandler(), quiet)
	if s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.WriteTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 {
		t.Errorf("without a bound: %+v", s)
	}
}

// net/http would cancel the context as soon as the time for reading the request has passed.
func TestAHandlerMayTakeLongerThanItsRequest(t *testing.T) {
	addr := start(t, func(s *http.Server) { s.ReadTimeout = 50 * time.Millisecond })
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := (&http.Client{Transport: transport}).Post("http://"+addr+"/patient", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Error(answer.Status)
	}
}
