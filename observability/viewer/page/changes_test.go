package page

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/viewer"
)

// run serves the rig's viewer until stop, which fails the test if it does not end well.
func (r *rig) run() (address string, stop func()) {
	r.Helper()
	listen := func() net.Listener {
		on, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			r.Fatal(err)
		}
		return on
	}
	on := viewer.Listeners{API: listen(), OTLPGRPC: listen(), OTLPHTTP: listen()}
	ctx, cancel := context.WithCancel(r.Context())
	done := make(chan error)
	go func() { done <- r.viewer.Run(ctx, on, func(h http.Handler) http.Handler { return h }) }()
	return "http://" + on.API.Addr().String(), func() {
		r.Helper()
		cancel()
		if err := <-done; err != nil {
			r.Error(err)
		}
	}
}

// listen reads the events of a page: each is its name and its data. The channel is closed when the stream ends.
func (r *rig) listen(address string) <-chan [2]string {
	r.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(address + "/api/changes") //nolint:bodyclose // the goroutine below closes it
	if err != nil {
		r.Fatal(err)
	}
	if got := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || got != "text/event-stream" {
		r.Fatalf("%s, %s", response.Status, got)
	}
	events := make(chan [2]string, 1000)
	go func() {
		defer close(events)
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		var event string
		for lines.Scan() {
			if name, is := strings.CutPrefix(lines.Text(), "event: "); is {
				event = name
			}
			if data, is := strings.CutPrefix(lines.Text(), "data: "); is {
				events <- [2]string{event, data}
			}
		}
	}()
	return events
}

// await reads events until one of this name.
func (r *rig) await(events <-chan [2]string, name string) string {
	r.Helper()
	for event := range events {
		if event[0] == name {
			return event[1]
		}
	}
	r.Fatalf("the stream ended without the event %s", name)
	return ""
}

func TestChanges(t *testing.T) {
	r := newRig(t)
	address, stop := r.run()
	one, other := r.listen(address), r.listen(address)
	r.await(one, "streams")
	r.await(other, "streams")
	_, span := r.viewer.TracerProvider().Tracer("test").Start(t.Context(), "span")
	span.End()
	r.ask(http.MethodPost, "/api/shelf", "", "Authorization", "Bearer "+token)
	for _, events := range []<-chan [2]string{one, other} {
		if want, got := `{"ids":["`+span.SpanContext().TraceID().String()+`"]}`, r.await(events, "traces"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		for r.await(events, "streams") != `{"items":[1]}` {
			continue // looked at before it was changed
		}
	}
	stop()
	for _, events := range []<-chan [2]string{one, other} {
		for event := range events { // which ends
			if event[0] != "streams" {
				t.Errorf("%v", event)
			}
		}
	}
}

func TestOneLookServesAllBrowsers(t *testing.T) {
	r := newRig(t)
	address, stop := r.run()
	const browsers = 50
	var all []<-chan [2]string
	for range browsers {
		all = append(all, r.listen(address))
	}
	for _, events := range all {
		r.await(events, "streams")
		r.await(events, "streams")
	}
	stop()
	r.shelf.mu.Lock()
	defer r.shelf.mu.Unlock()
	if r.shelf.looks > browsers/2 {
		t.Errorf("%d looks for %d events", r.shelf.looks, 2*browsers)
	}
}

// A browser that went away, or one that never reads, holds up neither spans nor the stop.
func TestChangesForNobody(t *testing.T) {
	r := newRig(t)
	address, stop := r.run()
	for range 2 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("GET /api/changes HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if first, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(first, "200") {
			t.Fatal(first, err)
		}
	}
	gone := r.listen(address)
	r.await(gone, "streams")
	for range 2_000 { // more than wait for a subscriber
		_, span := r.viewer.TracerProvider().Tracer("test").Start(t.Context(), "span")
		span.End()
	}
	stop()
}

func TestChangesSayWhenStreamsCannotBeSeen(t *testing.T) {
	r := newRig(t)
	r.shelf.broken = httpserver.Problemf(http.StatusServiceUnavailable, "the shelf is gone")
	address, stop := r.run()
	if got := r.await(r.listen(address), "problem"); !strings.Contains(got, "the shelf is gone") {
		t.Error(got)
	}
	stop()
}
