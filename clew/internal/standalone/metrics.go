package standalone

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"example.com/clew"
	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
	"example.com/clew/observability/viewer/metrics"
)

func metricsDir(dir string) string { return filepath.Join(dir, "metrics") }

// openMetrics opens the viewer's engine for metrics, with the rules that Prometheus has in the full stack.
func openMetrics(dir string) (*metrics.Engine, error) {
	return metrics.Open(metrics.Config{
		Dir:    metricsDir(dir),
		Rules:  clew.Rules,
		Logger: slog.New(slog.NewJSONHandler(terminal.Lines(os.Stdout), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}

// targets are what is scraped: the viewer, which has the engine's own metrics; a load test, which is not there most of
// the time; and every child with an admin server, until it is stopped on purpose: one that died is down. An instance has the name
// that it has in traces, logs and `clew status`.
func (c Config) targets(processes []state.Process) []metrics.Target {
	scrape := func(job, instance, url string) metrics.Target {
		return metrics.Target{Job: job, Instance: instance, Addr: strings.TrimPrefix(url, "http://")}
	}
	targets := []metrics.Target{scrape("prometheus", "viewer", baseURL(c.Viewer)), scrape("loadtest", "loadtest", baseURL(c.LoadTest))}
	for _, process := range processes {
		if process.Admin != "" && process.State != state.Stopped {
			service, _, _ := strings.Cut(process.Name, "-")
			targets = append(targets, scrape(service, process.Name, process.Admin))
		}
	}
	return targets
}
