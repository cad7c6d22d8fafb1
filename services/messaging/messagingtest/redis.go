package messagingtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
)

// StartRedis starts a redis-server that keeps nothing on disk, and returns its URL, a Unix socket. stop ends the server; so
// does the end of this process, however it ends. Keep stop: if it is garbage-collected, the server ends. The error is an
// exec.ErrNotFound if redis-server is not in the PATH.
func StartRedis() (url string, stop func(), err error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return "", nil, fmt.Errorf("redis-server is missing: %w", err)
	}
	// A socket's path must be short, unlike those of t.TempDir, which contain the test's name.
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		return "", nil, err
	}
	socket := filepath.Join(dir, "s")
	url = "unix://" + socket
	client, err := messaging.Connect(messaging.Redis{URL: url})
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = client.Close() }()
	stop, err = start(dir, nil, "TERM", func() error { return client.Ping(context.Background()).Err() },
		program, "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--appendonly", "no")
	return url, stop, err
}

// Redis returns the URL of a redis-server for this test, started by StartRedis. It ends with the test. Without a
// redis-server in the PATH the test is skipped with a message, or fails if the variable CI is set.
func Redis(t testing.TB) string {
	t.Helper()
	url, stop, err := StartRedis()
	require(t, err)
	t.Cleanup(stop)
	return url
}

// Server starts a server by its command, and waits until something listens on addr, unless that is "". It ends with the test,
// and is missing as for Redis.
func Server(t testing.TB, addr string, command ...string) {
	t.Helper()
	_, err := exec.LookPath(command[0])
	require(t, err)
	stop, err := start(t.TempDir(), nil, "TERM", func() error {
		if addr == "" {
			return nil
		}
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			err = conn.Close()
		}
		return err
	}, command...)
	require(t, err)
	t.Cleanup(stop)
}

// Client returns a client of the Redis at url. It is closed at the end of the test.
func Client(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	client, err := messaging.Connect(messaging.Redis{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}
