package failover

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/clew/clew/processtest"
	"example.com/clew/services/messaging/messagingtest"
)

// A server is a redis-server of a test, also as a sentinel or a node of a cluster.
type server struct {
	t    *testing.T
	addr string
	dir  string
	args []string
	away bool // killed or paused
	*redis.Client
}

// startRedis starts a server with an append-only file on a free port of 127.0.0.1.
func startRedis(t *testing.T, args ...string) *server {
	t.Helper()
	s := newServer(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(messagingtest.FreePort(t))))
	s.args = append(s.command(), args...)
	s.start()
	return s
}

// command is that of a redis-server, in the server's folder.
func (s *server) command() []string {
	return []string{"redis-server", "--port", s.port(), "--dir", s.dir, "--pidfile", s.pidFile(),
		"--appendonly", "yes", "--save", "", "--repl-diskless-sync-delay", "0"}
}

func newServer(t *testing.T, addr string) *server {
	t.Helper()
	s := &server{t: t, addr: addr, dir: t.TempDir()}
	s.Client = redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, DisableIdentity: true})
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// start starts it, also again.
func (s *server) start() {
	s.t.Helper()
	messagingtest.Server(s.t, s.addr, s.args...)
	s.away = false
}

func (s *server) port() string    { return s.addr[strings.LastIndex(s.addr, ":")+1:] }
func (s *server) pidFile() string { return filepath.Join(s.dir, "pid") }

func (s *server) pid() int {
	s.t.Helper()
	text, err := os.ReadFile(s.pidFile())
	if err != nil {
		s.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		s.t.Fatal(err)
	}
	return pid
}

// kill ends it at once.
func (s *server) kill() {
	s.t.Helper()
	pid := s.pid()
	s.signal(pid, syscall.SIGKILL)
	s.away = true
	processtest.Gone(s.t, pid)
}

// pause stops the process, as if the machine hung, until goOn is called or the test ends.
func (s *server) pause() (goOn func()) {
	s.t.Helper()
	pid := s.pid()
	s.signal(pid, syscall.SIGSTOP)
	s.away = true
	s.t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	return func() {
		s.signal(pid, syscall.SIGCONT)
		s.away = false
	}
}

func (s *server) signal(pid int, signal syscall.Signal) {
	s.t.Helper()
	if err := syscall.Kill(pid, signal); err != nil {
		s.t.Fatalf("%s to %s: %v", signal, s.addr, err)
	}
}

// info returns a value of INFO.
func (s *server) info(section, name string) string {
	text, _ := s.Info(context.WithoutCancel(s.t.Context()), section).Result()
	_, value, _ := strings.Cut(text, "\r\n"+name+":")
	value, _, _ = strings.Cut(value, "\r\n")
	return value
}

// follows waits until it is an up-to-date replica.
func (s *server) follows() {
	s.t.Helper()
	processtest.Eventually(s.t, s.addr+" is a replica", func() error {
		role, link := s.info("replication", "role"), s.info("replication", "master_link_status")
		return processtest.Unless(role == "slave" && link == "up", "it is a %s whose link to the master is %s", role, link)
	})
}

// leads waits until it is a master.
func (s *server) leads() {
	s.t.Helper()
	processtest.Eventually(s.t, s.addr+" is a master", func() error {
		role := s.info("replication", "role")
		return processtest.Unless(role == "master", "it is a %s", role)
	})
}

// startSentinels starts three sentinels of a master at an address, and returns theirs when they know its replicas. They call it
// main, and replace it if two of them have not heard of it for a second.
func startSentinels(t *testing.T, master string, replicas int) (addrs []string) {
	t.Helper()
	host, port, err := net.SplitHostPort(master)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		sentinel := newServer(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(messagingtest.FreePort(t))))
		config := filepath.Join(sentinel.dir, "sentinel.conf")
		if err := os.WriteFile(config, fmt.Appendf(nil, `port %s
bind 127.0.0.1
dir %s
sentinel announce-ip 127.0.0.1
sentinel monitor main %s %s 2
sentinel down-after-milliseconds main 1000
sentinel failover-timeout main 2000
`, sentinel.port(), sentinel.dir, host, port), 0o600); err != nil {
			t.Fatal(err)
		}
		sentinel.args = []string{"redis-server", config, "--sentinel"}
		sentinel.start()
		addrs = append(addrs, sentinel.addr)
		processtest.Eventually(t, "the sentinel knows the replicas", func() error {
			known, err := sentinel.Do(t.Context(), "sentinel", "replicas", "main").Slice()
			if err != nil {
				return err
			}
			return processtest.Unless(len(known) == replicas, "it knows %d", len(known))
		})
	}
	return addrs
}
