package process

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/caarlos0/env/v11"

	"example.com/clew/observability/telemetry"
)

// A Command is what a service's program does, told by the variables of its environment.
type Command func(ctx context.Context, variables map[string]string) error

// Main runs a service until SIGINT or SIGTERM ends run's context, and returns the exit code: 0 after a clean stop, else
// 1 with the reason on stderr, one line a problem. A second signal ends the process at once. With the argument
// "healthcheck" it does that instead; any other is wrong usage, exit code 2.
func Main(service string, args []string, run, healthcheck Command) int {
	switch {
	case len(args) == 1 && args[0] == "healthcheck":
		run = healthcheck
	case len(args) > 0:
		fmt.Fprintf(os.Stderr, "%s: unexpected argument %q: it is configured by its environment, and takes only \"healthcheck\"\n",
			service, strings.Join(args, " "))
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	if err := run(ctx, env.ToMap(os.Environ())); err != nil {
		for problem := range strings.Lines(err.Error()) {
			fmt.Fprintln(os.Stderr, service+":", strings.TrimSuffix(problem, "\n"))
		}
		return 1
	}
	return 0
}

// WithTelemetry runs a service with the telemetry of a process of its own, and flushes that last.
func WithTelemetry(ctx context.Context, service, instance string, run func(*telemetry.Telemetry) error) error {
	tel, err := telemetry.Setup(ctx, telemetry.Config{Service: service, Instance: instance})
	if err != nil {
		return err
	}
	defer func() {
		// A collector that is away costs spans, not the exit code.
		if err := tel.Shutdown(context.WithoutCancel(ctx)); err != nil {
			tel.Logger.Warn("telemetry was not sent", "error", err)
		}
	}()
	return run(tel)
}
