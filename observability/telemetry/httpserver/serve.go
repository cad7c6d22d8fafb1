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

// Serve answers the requests that arrive on ln until ctx ends. Then it closes ln, and returns nil once all requests in flight
// are finished. After grace it cancels the contexts of the rest, closes their connections, and returns an error without
// waiting for their handlers. It also returns an error if ln fails.
//
// The end of ctx does not end the contexts of requests. A handler that streams must watch something else, or the stop takes
// all of grace.
//
// A client has 5 s for the header, of at most 64 KiB, 30 s for the whole request, and must take the answer within 60 s after
// the header. A handler that needs longer moves its deadline with http.ResponseController (net/http/pprof does so). An idle
// connection is closed after 2 minutes.
//
// Some refusals of net/http are text/plain instead of a Problem, and have no hook: too large a header (431), a malformed
// request line, path or header (400), a transfer coding other than chunked (501), an expectation other than 100-continue
// (417). A header that does not arrive in time is not answered at all.
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
	closeUnused := time.AfterFunc(grace/4, unused.close) // by then, requests sent at the last moment have arrived
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

// unused holds connections that have not brought a request yet. Many clients open more than they need, and Shutdown waits 5 s
// for them, which may be more than grace.
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
