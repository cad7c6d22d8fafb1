package telemetry

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// environment is what Setup reads itself. The SDK and its exporters read the other OTEL_* variables.
type environment struct {
	logLevel                   slog.Level
	scheduleDelay              time.Duration
	maxQueueSize, maxBatchSize int
}

// readEnvironment fails on every value that the SDK would silently replace by its default, and names them all.
func readEnvironment() (environment, error) {
	var errs []error
	oneOf := func(variable string, allowed ...string) string {
		value, err := readChoice(variable, allowed)
		errs = append(errs, err)
		return value
	}
	number := func(variable string, fallback int) int {
		value, err := readNumber(variable, fallback)
		errs = append(errs, err)
		return value
	}

	oneOf("OTEL_TRACES_EXPORTER", "otlp", "console", "none")
	oneOf("OTEL_LOGS_EXPORTER", "otlp", "console", "none")
	protocol := oneOf("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "grpc")
	oneOf("OTEL_TRACES_SAMPLER", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
		"always_on", "always_off", "traceidratio")
	level := oneOf("LOG_LEVEL", "info", "debug", "warn", "error")
	env := environment{
		scheduleDelay: time.Duration(number("OTEL_BSP_SCHEDULE_DELAY", 200)) * time.Millisecond,
		maxQueueSize:  number("OTEL_BSP_MAX_QUEUE_SIZE", 16384),
		maxBatchSize:  number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 2048),
	}
	if err := errors.Join(errs...); err != nil {
		return environment{}, err
	}
	if err := env.logLevel.UnmarshalText([]byte(level)); err != nil {
		return environment{}, fmt.Errorf("read LOG_LEVEL: %w", err)
	}

	endpoint := "http://127.0.0.1:4318"
	if protocol == "grpc" {
		endpoint = "http://127.0.0.1:4317"
	}
	return env, errors.Join(
		setDefault("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
		setDefault("OTEL_GO_X_OBSERVABILITY", "true"))
}

// readChoice returns the variable's value, or the first one allowed if it is unset or empty.
func readChoice(variable string, allowed []string) (string, error) {
	value := strings.ToLower(os.Getenv(variable))
	switch {
	case value == "":
		return allowed[0], nil
	case slices.Contains(allowed, value):
		return value, nil
	}
	return "", fmt.Errorf("%s is %q, expected one of %s (default %s)", variable, value, strings.Join(allowed, ", "), allowed[0])
}

// readNumber returns the variable's value, or fallback if it is unset or empty.
func readNumber(variable string, fallback int) (int, error) {
	text := os.Getenv(variable)
	if text == "" {
		return fallback, nil
	}
	value, err := strconv.Atoi(text)
	if err != nil || value <= 0 {
		return 0, fmt.Errorf("%s is %q, expected a whole number above 0 (default %d)", variable, text, fallback)
	}
	return value, nil
}

// setDefault sets the variable if it is unset or empty, for readers that know no other way to be configured.
func setDefault(variable, value string) error {
	if os.Getenv(variable) != "" {
		return nil
	}
	return os.Setenv(variable, value)
}
