package failover

import (
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// A postgresProxy is an address, of a host or by a name, that leads to one Postgres server and later to another. It leaves alone the
// connections that there are.
type postgresProxy struct {
	addr   string
	socket atomic.Value // the server's
}

func startPostgresProxy(t *testing.T, s *postgres) *postgresProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &postgresProxy{addr: listener.Addr().String()}
	p.to(s)
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	t.Cleanup(func() { _ = listener.Close() })
	forward := func(into, from net.Conn) {
		_, _ = io.Copy(into, from)
		_ = into.Close()
		_ = from.Close()
	}
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", p.socket.Load().(string))
			if err != nil {
				_ = client.Close()
				continue
			}
			running.Go(func() { forward(server, client) })
			running.Go(func() { forward(client, server) })
		}
	})
	return p
}

// to makes new connections lead to a server.
func (p *postgresProxy) to(s *postgres) {
	parsed, _ := url.Parse(s.url) // it is messagingtest's
	p.socket.Store(filepath.Join(parsed.Query().Get("host"), ".s.PGSQL.5432"))
}
