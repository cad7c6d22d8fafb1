package httpserver_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/clew/observability/telemetry/httpserver"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := httpserver.Listen("127.0.0.1:0", "ORDER_ADDR")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func TestListenSaysWhatToDo(t *testing.T) {
	taken := listen(t).Addr().String()
	for addr, want := range map[string]string{
		taken:          "listen on " + taken + ": the port is in use; stop what uses it or set ORDER_ADDR to another address",
		"":             `listen on "": not an address; set ORDER_ADDR to host:port, such as 127.0.0.1:8080`,
		"8080":         `listen on "8080": not an address; set ORDER_ADDR to host:port, such as 127.0.0.1:8080`,
		"127.0.0.1:":   `listen on "127.0.0.1:": not an address; set ORDER_ADDR to host:port, such as 127.0.0.1:8080`,
		"192.0.2.1:0":  "listen on 192.0.2.1:0: set ORDER_ADDR to an address of this machine, such as 127.0.0.1:8080: ",
		"127.0.0.1:-1": "listen on 127.0.0.1:-1: set ORDER_ADDR to an address of this machine, such as 127.0.0.1:8080: ",
	} {
		ln, err := httpserver.Listen(addr, "ORDER_ADDR")
		if err == nil {
			ln.Close()
			t.Errorf("%q: no error", addr)
			continue
		}
		if got := err.Error(); got != want && (!strings.HasSuffix(want, ": ") || !strings.HasPrefix(got, want)) {
			t.Errorf("%q:\n got %s\nwant %s", addr, got, want)
		}
	}
}

// serving is a Serve whose one handler ends when released, or cut off by its context.
type serving struct {
	addr    string
	stop    context.CancelFunc
	running chan struct{}
	release chan struct{}
	cut     chan error
	done    chan error
}

func serve(t *testing.T, grace time.Duration) serving {
	t.Helper()
	ln := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	s := serving{ln.Addr().String(), stop, make(chan struct{}), make(chan struct{}), make(chan error, 1), make(chan error, 1)}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(s.running)
		select {
		case <-s.release:
			_, _ = io.WriteString(w, "finished")
		case <-r.Context().Done():
			s.cut <- r.Context().Err()
		}
	})
	go func() { s.done <- httpserver.Serve(ctx, ln, handler, quiet, grace) }()
	return s
}

// get asks once, on a connection of its own.
func get(addr string) <-chan string {
	answered := make(chan string, 1)
	go func() {
		transport := &http.Transport{DisableKeepAlives: true}
		answer, err := (&http.Client{Transport: transport}).Get("http://" + addr)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		answered <- string(body)
	}()
	return answered
}

func TestServeFinishesWhatIsInFlight(t *testing.T) {
	s := serve(t, time.Minute)
	answered := get(s.addr)
	<-s.running
	s.stop()
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			break
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("still accepts connections after ctx ended")
		}
	}
	close(s.release)
	if got := <-answered; got != "finished" {
		t.Errorf("the request in flight got %q", got)
	}
	if err := <-s.done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestServeCutsOffWhatOutlastsTheGrace(t *testing.T) {
	s := serve(t, time.Millisecond)
	answered := get(s.addr)
	<-s.running
	s.stop()
	if err := <-s.done; err == nil || !strings.Contains(err.Error(), "requests still ran after 1ms") {
		t.Errorf("Serve: %v", err)
	}
	if err := <-s.cut; err == nil {
		t.Error("the handler's context did not end")
	}
	if got := <-answered; got == "finished" {
		t.Errorf("the request got %q", got)
	}
}

func TestServeDoesNotWaitForAConnectionWithoutARequest(t *testing.T) {
	ln := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- httpserver.Serve(ctx, ln, http.NotFoundHandler(), quiet, 2*time.Second) }() // net/http waits 5 s
	unused, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer unused.Close()
	<-get(ln.Addr().String()) // connections are accepted one after the other
	stop()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestServeReportsAListenerThatFails(t *testing.T) {
	ln := listen(t)
	ln.Close()
	err := httpserver.Serve(t.Context(), ln, http.NotFoundHandler(), quiet, time.Second)
	if err == nil || !strings.HasPrefix(err.Error(), "serve on "+ln.Addr().String()) {
		t.Errorf("Serve: %v", err)
	}
}
