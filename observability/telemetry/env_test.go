package telemetry

import (
	"cmp"
	"log/slog"
	"os"
	"testing"
	"time"
)

func TestEnvironmentDefaults(t *testing.T) {
	for protocol, endpoint := range map[string]string{
		"":              "http://127.0.0.1:4318",
		"http/protobuf": "http://127.0.0.1:4318",
		"grpc":          "http://127.0.0.1:4317",
	} {
		t.Run(protocol, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
			t.Setenv("OTEL_GO_X_OBSERVABILITY", "")
			env, err := readEnvironment()
			if err == nil {
				err = env.setDefaults()
			}
			if err != nil {
				t.Fatal(err)
			}
			want := environment{slog.LevelInfo, cmp.Or(protocol, "http/protobuf"), 200 * time.Millisecond, 16384, 2048}
			if env != want {
				t.Errorf("got %+v, want %+v", env, want)
			}
			if got := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); got != endpoint {
				t.Errorf("endpoint %s, want %s", got, endpoint)
			}
			if got := os.Getenv("OTEL_GO_X_OBSERVABILITY"); got != "true" {
				t.Errorf("OTEL_GO_X_OBSERVABILITY is %q", got)
			}
		})
	}
}

func TestEnvironmentWins(t *testing.T) {
	t.Setenv("LOG_LEVEL", "debug")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1000")
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100")
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example")
	t.Setenv("OTEL_GO_X_OBSERVABILITY", "false")
	env, err := readEnvironment()
	if err == nil {
		err = env.setDefaults()
	}
	if err != nil {
		t.Fatal(err)
	}
	if want := (environment{slog.LevelDebug, "http/protobuf", time.Second, 100, 10}); env != want {
		t.Errorf("got %+v, want %+v", env, want)
	}
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "https://collector.example" || os.Getenv("OTEL_GO_X_OBSERVABILITY") != "false" {
		t.Error("the environment was overwritten")
	}
}
