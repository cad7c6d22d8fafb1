package app

import (
	"path/filepath"
	"strings"
	"testing"

	"example.com/clew/observability/telemetry/telemetrytest"
)

// A service with a loop missing must not look alive: it ends, so that whoever watches it starts it again.
func TestALoopThatEndsByItselfEndsTheService(t *testing.T) {
	a, err := New(t.Context(), Config{
		Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", RedisURL: "unix:///nonexistent/redis.sock", Partitions: 1,
		DatabaseURL: "sqlite://" + filepath.Join(t.TempDir(), "inventory.db"),
	}, telemetrytest.NewRecorder().Telemetry(t, "inventory"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Run(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "API ended: serve on ") {
		t.Errorf("Run: %v, want the reason why the API ended", err)
	}
}
