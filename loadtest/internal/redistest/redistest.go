// Package redistest starts real Redis servers for tests.
package redistest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Server is a redis-server for one test, on a free port of loopback. Its data survives restarts.
type Server struct {
	Client *redis.Client // which notices at once when Redis is away

	dir, port string
	process   *exec.Cmd
}

// Start starts one that ends with the test. Without redis-server the test fails.
func Start(t testing.TB) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	s := &Server{dir: t.TempDir(), port: port, Client: redis.NewClient(&redis.Options{
		Addr: "127.0.0.1:" + port, DisableIdentity: true, ContextTimeoutEnabled: true, PoolSize: 300,
		MaxRetries: -1, DialerRetries: 1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})}
	s.Restart(t)
	t.Cleanup(func() {
		_ = s.Client.Close()
		s.Kill()
	})
	return s
}

// Restart starts the server again after Kill, and returns when it answers.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	s.process = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", s.port, "--dir", s.dir,
		"--save", "", "--appendonly", "yes", "--appendfsync", "always")
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		t.Fatalf("these tests need redis-server: %v", err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		err := s.Client.Ping(t.Context()).Err()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("redis-server does not answer: %v", err)
		}
	}
}

// Kill ends the server with SIGKILL.
func (s *Server) Kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}
