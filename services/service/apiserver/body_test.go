package apiserver_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/telemetry/httpserver/httpservertest"
)

// start serves the small API, with timeouts of the test's own.
func start(t *testing.T, change func(*http.Server)) string {
	t.Helper()
	server := httptest.NewUnstartedServer(traced(httpserver.Wrap(newMux(quiet), nil, quiet), true).handler)
	change(server.Config)
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func unchanged(*http.Server) {}

// send writes everything before it reads anything, as simple clients do.
func send(t *testing.T, addr string, request ...string) *httptest.ResponseRecorder {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, part := range request {
		if _, err := io.WriteString(conn, part); err != nil {
			t.Fatalf("the server does not read on: %v", err)
		}
	}
	return receive(t, conn)
}

func receive(t *testing.T, conn net.Conn) *httptest.ResponseRecorder {
	t.Helper()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer answer.Body.Close()
	w := httptest.NewRecorder()
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	if _, err := io.Copy(w, answer.Body); err != nil {
		t.Fatal(err)
	}
	return w
}

const header = "%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

// A client that sends all before it reads must get to read the refusal, instead of a reset connection.
func TestATooLargeBodyIsRefusedVisibly(t *testing.T) {
	addr := start(t, unchanged)
	for _, mebibytes := range []int{2, 10} {
		body := `{"name":"` + strings.Repeat("a", mebibytes<<20) + `","count":1}`
		length := fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body))
		chunk := fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", len(body))
		for request, status := range map[string]int{
			"POST /things/1":            http.StatusRequestEntityTooLarge,
			"POST /nope":                http.StatusNotFound,
			"DELETE /things/1":          http.StatusMethodNotAllowed,
			"POST http://evil.example/": http.StatusMisdirectedRequest,
		} {
			t.Run(fmt.Sprintf("%d MiB, %s", mebibytes, request), func(t *testing.T) {
				begin := fmt.Sprintf(header, request)
				known := httpservertest.Problem(t, send(t, addr, begin+length, body), status)
				chunked := httpservertest.Problem(t, send(t, addr, begin+chunk, body, "\r\n0\r\n\r\n"), status)
				if diff := cmp.Diff(known.Errors, chunked.Errors); diff != "" || known.Detail != chunked.Detail {
					t.Errorf("chunked is answered differently:\n%s", diff)
				}
				if status == http.StatusRequestEntityTooLarge {
					want := []httpserver.ProblemField{{Location: "body", Message: "expected at most 1048576 bytes"}}
					if diff := cmp.Diff(want, known.Errors); diff != "" {
						t.Errorf("errors (-want +got):\n%s", diff)
					}
				}
			})
		}
	}
}

func TestABodyOfExactlyTheLimitIsRead(t *testing.T) {
	body := `{"name":"a","count":1}`
	body += strings.Repeat(" ", 1<<20-len(body))
	handler := httpserver.Wrap(newMux(quiet), nil, quiet)
	if w := httpservertest.Ask(handler, "POST", "/things/1", body); w.Code != http.StatusOK {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	httpservertest.Problem(t, httpservertest.Ask(handler, "POST", "/things/1", body+" "), http.StatusRequestEntityTooLarge)
}

// Who asks before it sends is refused before it sends.
func TestATooLargeBodyThatIsAnnouncedIsNotAskedFor(t *testing.T) {
	addr := start(t, unchanged)
	w := send(t, addr, fmt.Sprintf(header, "DELETE /things/1")+"Expect: 100-continue\r\nContent-Length: 5000000\r\n\r\n")
	httpservertest.Problem(t, w, http.StatusMethodNotAllowed)
}

func TestABodyThatDoesNotArrive(t *testing.T) {
	addr := start(t, func(s *http.Server) { s.ReadTimeout = 50 * time.Millisecond })
	for name, test := range map[string]struct {
		request string
		status  int
	}{
		"too slow":            {"Content-Length: 100\r\n\r\n{", http.StatusRequestTimeout},
		"too slow, in chunks": {"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", http.StatusRequestTimeout},
		"malformed chunk":     {"Transfer-Encoding: chunked\r\n\r\nno size\r\n{}\r\n", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			p := httpservertest.Problem(t, send(t, addr, fmt.Sprintf(header, "POST /things/1")+test.request), test.status)
			if len(p.Errors) != 1 || p.Errors[0].Location != "body" {
				t.Errorf("errors %+v, want the body named", p.Errors)
			}
		})
	}

	t.Run("broken off", func(t *testing.T) { // the client has shut down its side, and still reads
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, header+"Content-Length: 100\r\n\r\n{", "POST /things/1")
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		httpservertest.Problem(t, receive(t, conn), http.StatusBadRequest)
	})
}

func TestARequestIsReadStrictly(t *testing.T) {
	handler := httpserver.Wrap(newMux(quiet), nil, quiet)
	const body = `{"name":"a","count":1}`
	for name, test := range map[string]struct {
		target   string
		header   []string
		body     string
		status   int
		location string
	}{
		"no body":           {"/things/1", []string{"Content-Type", "application/json"}, "", 400, "body"},
		"no content type":   {"/things/1", []string{"Content-Type", ""}, body, 415, "header.Content-Type"},
		"text":              {"/things/1", []string{"Content-Type", "text/plain"}, body, 415, "header.Content-Type"},
		"a form":            {"/things/1", []string{"Content-Type", "application/x-www-form-urlencoded"}, "name=a", 415, "header.Content-Type"},
		"nonsense":          {"/things/1", []string{"Content-Type", ";;+json"}, body, 415, "header.Content-Type"},
		"a charset":         {"/things/1", []string{"Content-Type", "Application/JSON; charset=utf-8"}, body, 200, ""},
		"a kind of JSON":    {"/things/1", []string{"Content-Type", "application/vnd.thing+json"}, body, 200, ""},
		"gzip":              {"/things/1", []string{"Content-Encoding", "gzip"}, body, 415, "header.Content-Encoding"},
		"a malformed query": {"/things/1?a=%zz", nil, body, 400, "query"},
		"an unknown one":    {"/things/1?a=1", nil, body, 422, "query.a"},
		"a parameter twice": {"/things/1?a=1&a=2", nil, body, 422, "query.a"},
		"an odd Accept":     {"/things/1", []string{"Accept", ";,;q=,"}, body, 200, ""},
		"an XML Accept":     {"/things/1", []string{"Accept", "application/xml"}, body, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := httpservertest.Ask(handler, "POST", test.target, test.body, test.header...)
			if test.status == http.StatusOK {
				if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || got != "application/json" {
					t.Errorf("status %d, %s: %s", w.Code, got, w.Body)
				}
				return
			}
			p := httpservertest.Problem(t, w, test.status)
			if len(p.Errors) != 1 || p.Errors[0].Location != test.location || p.Detail == "" {
				t.Errorf("%+v, want %s named", p, test.location)
			}
		})
	}
}

func TestOnlySoManyFieldsAreNamed(t *testing.T) {
	var body bytes.Buffer
	body.WriteString(`{"name":"a","count":1`)
	for i := range 10_000 {
		fmt.Fprintf(&body, `,"%d%s":1`, i, strings.Repeat("x", 50))
	}
	body.WriteString("}")
	p := httpservertest.Problem(t, httpservertest.Ask(httpserver.Wrap(newMux(quiet), nil, quiet), "POST", "/things/1", body.String()), 422)
	if len(p.Errors) != 100 {
		t.Errorf("%d fields are named, want 100", len(p.Errors))
	}
}
