package service

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/caarlos0/env/v11"

	"example.com/clew/observability/telemetry"
)

// Settings is a service's Config, which embeds the Config of this package.
type Settings interface {
	common() Config
	Admin() string // address of the admin server
}

func (c Config) common() Config { return c }

// Main is a service's program, configured by environment variables. It sets up telemetry, builds the service and runs it until
// SIGINT or SIGTERM; a second signal ends the process at once. With the argument "healthcheck" it runs Healthcheck instead. It
// returns the exit code: 0 after a clean stop; 1 after an error, with one line for each problem on stderr; 2 for any other
// argument.
func Main[S Settings](
	service string, args []string, read func(variables map[string]string) (S, error),
	build func(context.Context, S, *telemetry.Telemetry) (*Service, error),
) int {
	check := len(args) == 1 && args[0] == "healthcheck"
	if len(args) > 0 && !check {
		fmt.Fprintf(os.Stderr, "%s: unexpected argument %q: it is configured by its environment, and takes only \"healthcheck\"\n",
			service, strings.Join(args, " "))
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	settings, err := read(env.ToMap(os.Environ()))
	switch {
	case err != nil:
	case check:
		err = Healthcheck(ctx, settings.Admin())
	default:
		err = run(ctx, service, settings, build)
	}
	if err != nil {
		for problem := range strings.Lines(err.Error()) {
			fmt.Fprintln(os.Stderr, service+":", strings.TrimSuffix(problem, "\n"))
		}
		return 1
	}
	return 0
}

// gcPercent makes garbage collections rarer than by default: what lives is a few megabytes, so most of a collection's work is to
// begin and to end. GOMEMLIMIT, which containers have, makes them more frequent before memory is short.
const gcPercent = 400

func run[S Settings](
	ctx context.Context, service string, settings S, build func(context.Context, S, *telemetry.Telemetry) (*Service, error),
) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	tel, err := telemetry.Setup(ctx, telemetry.Config{Service: service, Instance: settings.common().Instance})
	if err != nil {
		return err
	}
	defer func() {
		// A collector that is away costs spans, not the exit code.
		if err := tel.Shutdown(context.WithoutCancel(ctx)); err != nil {
			tel.Logger.Warn("telemetry was not sent", "error", err)
		}
	}()
	built, err := build(ctx, settings, tel)
	if err != nil {
		return err
	}
	return built.Run(ctx)
}
