// Package messagingtest helps to test what is built on messaging, against a real Redis.
package messagingtest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
)

// Redis starts a redis-server of the test's own and returns its URL, which leads to a Unix socket: no port can be taken.
// The server ends with the test, or with the test's process. Without a redis-server in the PATH the test is skipped
// with a message, and fails if the variable CI is set.
func Redis(t testing.TB) string {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("redis-server is missing")
		}
		t.Skip("SKIPPED: this test needs redis-server; `make test` installs it")
	}
	// A socket's path must be short; those of t.TempDir contain the test's name.
	dir, err := os.MkdirTemp("", "redis") //nolint:usetesting // as said
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")

	// The shell ends the server when its input closes, and that happens even if this process is killed.
	server := exec.Command("sh", "-c", `"$@" & read _; kill $!; wait`, "sh",
		program, "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--appendonly", "no")
	output, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	server.Stdout, server.Stderr = output, output
	input, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = server.Wait()
		_ = output.Close()
	})
	url := "unix://" + socket
	awaitRedis(t, url, output.Name())
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

func awaitRedis(t testing.TB, url, log string) {
	t.Helper()
	client, err := messaging.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	Eventually(t, "redis-server answers", func() error {
		err := client.Ping(context.Background()).Err()
		if err != nil {
			text, _ := os.ReadFile(log)
			return errors.Join(err, errors.New(string(text)))
		}
		return nil
	})
}

// Eventually asks until there is no error, and fails the test with the last one after 10 s.
func Eventually(t testing.TB, what string, ask func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if err = ask(); err == nil {
			return
		}
	}
	t.Fatalf("after 10 s still not: %s: %v", what, err)
}
