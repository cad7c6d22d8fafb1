package messagingtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
)

// StartRedis starts a redis-server of the caller's own, which keeps nothing on disk, and returns its URL. That leads to
// a Unix socket: no port can be taken. The server ends with stop, which is to be kept, or with this process, however it ends. The error is
// an exec.ErrNotFound if redis-server is not in the PATH.
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
	client, err := messaging.Connect(url)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = client.Close() }()
	stop, err = start(dir, nil, "TERM", func() error { return client.Ping(context.Background()).Err() },
		program, "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--appendonly", "no")
	return url, stop, err
}

// Redis returns the URL of a redis-server of the test's own, as StartRedis does. It ends with the test. Without a
// redis-server in the PATH the test is skipped with a message, and fails if the variable CI is set.
func Redis(t testing.TB) string {
	t.Helper()
	url, stop, err := StartRedis()
	require(t, err)
	t.Cleanup(stop)
	return url
}

// Client returns a client of a server that Redis started. It is closed with the test.
func Client(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	client, err := messaging.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}
