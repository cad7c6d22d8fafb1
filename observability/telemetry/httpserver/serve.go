package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Listen returns a TCP listener on addr, which is host:port; variable is the environment variable that sets it, for
// the error's text. Port 0 takes a free one.
func Listen(addr, variable string) (net.Listener, error) {
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
		return nil, fmt.Errorf("listen on %q: not an address; set %s to host:port, such as 127.0.0.1:8080", addr, variable)
	}
	ln, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen on %s: the port is in use; stop what uses it or set %s to another address", addr, variable)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: set %s to an address of this machine, such as 127.0.0.1:8080: %w", addr, variable, err)
	}
	return ln, nil
}

// Serve answers the requests that arrive on ln until ctx ends. Then it closes ln and returns nil once what is in
// flight is finished. What is not finished within grace has its context cancelled and its connection closed, and
// Serve returns an error without waiting for those handlers. It also returns an error if ln fails.
//
// Ending ctx does not end the contexts of requests. A handler that streams must watch something else, or it takes all
// of grace.
//
// A client has 5 s for the header, which may have 64 KiB, 30 s for the whole request, and has to take the answer within
// 60 s of it; a handler that needs longer moves its deadline with http.ResponseController (net/http/pprof does so by
// itself). An idle connection is closed after 2 minutes.
//
// What net/http refuses before there is a request is text/plain and not a Problem, and it has no hook for that: too
// large a header (431), a malformed request line, path or header (400), a transfer coding other than chunked (501), an
// expectation other than 100-continue (417). A header that does not arrive in time is not answered at all.
func Serve(ctx context.Context, ln net.Listener, handler http.Handler, logger *slog.Logger, grace time.Duration) error {
	requests, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	server := newServer(handler, logger)
	server.BaseContext = func(net.Listener) context.Context { return requests }
	var unused unused
	server.ConnState = unused.note
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}

	deadline, cancel := context.WithTimeout(requests, grace)
	defer cancel()
	closeUnused := time.AfterFunc(grace/4, unused.close) // what was sent at the last moment has arrived by then
	defer closeUnused.Stop()
	err := server.Shutdown(deadline)
	<-failed //nolint:errcheck // it is http.ErrServerClosed
	if err != nil {
		_ = server.Close()
		return fmt.Errorf("stop serving on %s: requests still ran after %s and were cut off: %w", ln.Addr(), grace, err)
	}
	return nil
}

func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// unused are connections that have not brought a request. Shutdown waits 5 s for each of them, which may be more than
// grace, and many a client opens more than it needs.
type unused struct{ conns sync.Map }

func (u *unused) note(conn net.Conn, state http.ConnState) {
	if state == http.StateNew {
		u.conns.Store(conn, nil)
	} else {
		u.conns.Delete(conn)
	}
}

func (u *unused) close() {
	u.conns.Range(func(conn, _ any) bool {
		_ = conn.(net.Conn).Close()
		return true
	})
}
