package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// environment has the variables that Setup reads itself. The SDK and its exporters read the other OTEL_* variables.
type environment struct {
	logLevel                   slog.Level
	protocol                   string // of OTLP
	scheduleDelay              time.Duration
	maxQueueSize, maxBatchSize int
}

// CheckEnvironment returns the error with which Setup would refuse the environment, one line for each variable. It is for a
// process that starts others which call Setup.
func CheckEnvironment(ctx context.Context) error {
	_, err := readEnvironment()
	_, errResource := newResource(ctx, Config{})
	return errors.Join(err, errResource)
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
	oneOf("OTEL_TRACES_SAMPLER", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
		"always_on", "always_off", "traceidratio")
	oneOf("OTEL_GO_X_OBSERVABILITY", "true", "false")
	errs = append(errs, checkRatio("OTEL_TRACES_SAMPLER_ARG"), checkURL("OTEL_EXPORTER_OTLP_ENDPOINT"))
	level := oneOf("LOG_LEVEL", "info", "debug", "warn", "error")
	env := environment{
		protocol:      oneOf("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "grpc"),
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

	return env, nil
}

// setDefaults sets variables for which other readers of the environment have another default.
func (env environment) setDefaults() error {
	endpoint := "http://127.0.0.1:4318"
	if env.protocol == "grpc" {
		endpoint = "http://127.0.0.1:4317"
	}
	return errors.Join(
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

func checkRatio(variable string) error {
	text := os.Getenv(variable)
	if ratio, err := strconv.ParseFloat(text, 64); text != "" && (err != nil || !(ratio >= 0 && ratio <= 1)) { // NaN neither
		return fmt.Errorf("%s is %q, expected a number from 0 to 1 (default 1)", variable, text)
	}
	return nil
}

func checkURL(variable string) error {
	text := os.Getenv(variable)
	if u, err := url.Parse(text); text != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		return fmt.Errorf("%s is %q, expected a URL (default http://127.0.0.1:4318)", variable, text)
	}
	return nil
}

// setDefault sets the variable if it is unset or empty, for readers that cannot be configured otherwise.
func setDefault(variable, value string) error {
	if os.Getenv(variable) != "" {
		return nil
	}
	return os.Setenv(variable, value)
}
