package main

import (
	"context"
	"os"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
	"example.com/clew/observability/telemetry"
	"example.com/clew/services/messaging"
)

// setupTelemetry makes this command a service that reports to the viewer, unless the user has said where telemetry goes.
func setupTelemetry(ctx context.Context, service string, running state.State) (*telemetry.Telemetry, error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
		_ = os.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.Addresses.OTLPHTTP)
	}
	instance := service + "-" + messaging.ProcessID()
	return telemetry.Setup(ctx, telemetry.Config{Service: service, Instance: instance, LogWriter: terminal.Lines(os.Stderr)})
}
