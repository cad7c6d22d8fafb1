package app

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

// Main is the whole process, and returns its exit code: 0 after a clean stop by SIGINT or SIGTERM, else 1 with the
// reason on stderr. A second signal ends the process at once.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "inventory:", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 1
	}
	return 0
}

func run(ctx context.Context) error {
	cfg, err := ReadConfig(env.ToMap(os.Environ()))
	if err != nil {
		return err
	}
	tel, err := telemetry.Setup(ctx, telemetry.Config{Service: "inventory", Instance: cfg.Instance})
	if err != nil {
		return err
	}
	defer func() {
		// A collector that is away costs spans, not the exit code.
		if err := tel.Shutdown(context.WithoutCancel(ctx)); err != nil {
			tel.Logger.Warn("telemetry was not sent", "error", err)
		}
	}()
	app, err := New(ctx, cfg, tel)
	if err != nil {
		return err
	}
	return app.Run(ctx)
}
