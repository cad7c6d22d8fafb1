package failover

import (
	"bytes"
	"net"
	"strconv"
	"sync/atomic"
	"testing"

	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

// Redis adds a message and its reply is lost: the client must not add it again by itself, whatever it is connected to. Else
// there would be a second entry, and nobody would know.
func TestALostReplyMakesNoSecondEntry(t *testing.T) {
	t.Parallel()
	for name, connect := range map[string]func(*testing.T) (*server, *proxy, messaging.Redis){
		"one server": func(t *testing.T) (*server, *proxy, messaging.Redis) {
			s := startRedis(t)
			p := startProxy(t, s.addr)
			return s, p, messaging.Redis{URL: "redis://" + p.addr}
		},
		"Sentinel": func(t *testing.T) (*server, *proxy, messaging.Redis) {
			s := startRedis(t)
			p := startProxy(t, s.addr)
			return s, p, messaging.Redis{Sentinels: startSentinels(t, p.addr, 0), Master: "main"}
		},
		"cluster": func(t *testing.T) (*server, *proxy, messaging.Redis) {
			announced := strconv.Itoa(messagingtest.FreePort(t))
			s := startRedis(t, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(messagingtest.FreePort(t)),
				"--cluster-announce-ip", "127.0.0.1", "--cluster-announce-port", announced)
			p := startProxyAt(t, net.JoinHostPort("127.0.0.1", announced), s.addr)
			s.must("cluster", "addslotsrange", 0, 16383)
			s.eventually("the cluster is well", func() error { return s.Set(t.Context(), "a", "b", 0).Err() })
			return s, p, messaging.Redis{URL: "redis://" + p.addr, Cluster: true}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, to := connect(t)
			client, err := messaging.Connect(to)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			publisher := messaging.New(client, messaging.Config{}).Publisher()
			publish := func() error {
				return messaging.Publish(t.Context(), publisher, contracts.OrderConfirmed{OrderID: "1"})
			}
			key := messaging.StreamKey("orders", 0)
			for _, lose := range []bool{false, true} {
				before := s.must("xlen", key).(int64)
				p.lose.Store(lose)
				if err := publish(); (err != nil) != lose || messaging.IsPermanent(err) {
					t.Errorf("reply lost: %t: error %v", lose, err)
				}
				if p.lose.Load() {
					t.Error("the proxy saw no XADD")
				}
				if added := s.must("xlen", key).(int64) - before; added != 1 {
					t.Errorf("reply lost: %t: %d entries were added, want 1", lose, added)
				}
			}
		})
	}
}

// A proxy passes on what is sent to a server and back. If it is told to, it loses the reply to the next XADD, with the connection.
type proxy struct {
	addr string
	lose atomic.Bool
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	return startProxyAt(t, "127.0.0.1:0", to)
}

func startProxyAt(t *testing.T, addr, to string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: ln.Addr().String()}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = conn.Close()
				continue
			}
			go p.pass(conn, server)
		}
	}()
	t.Cleanup(func() { _ = ln.Close() })
	return p
}

// pass passes on what both say until one hangs up.
func (p *proxy) pass(client, server net.Conn) {
	var losing atomic.Bool
	go func() {
		defer server.Close()
		buffer := make([]byte, 1<<16)
		for {
			n, err := client.Read(buffer)
			if bytes.Contains(bytes.ToLower(buffer[:n]), []byte("\r\nxadd\r\n")) && p.lose.CompareAndSwap(true, false) {
				losing.Store(true)
			}
			if _, sent := server.Write(buffer[:n]); err != nil || sent != nil {
				return
			}
		}
	}()
	defer client.Close()
	buffer := make([]byte, 1<<16)
	for {
		n, err := server.Read(buffer)
		if n > 0 && losing.Load() {
			return
		}
		if _, sent := client.Write(buffer[:n]); err != nil || sent != nil {
			return
		}
	}
}
