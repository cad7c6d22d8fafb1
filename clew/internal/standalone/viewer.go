package standalone

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"

	"example.com/clew"
	"example.com/clew/clew/internal/streamsapi"
	"example.com/clew/clew/state"
	"example.com/clew/observability/viewer"
	"example.com/clew/observability/viewer/metrics"
	"example.com/clew/observability/viewer/page"
	"example.com/clew/services/messaging"
	"example.com/clew/services/process/httpserver"
)

// runViewer serves the viewer and its page until ctx ends, and closes the listeners.
func runViewer(
	ctx context.Context, known state.State, engine *metrics.Engine, on viewer.Listeners, protect func(http.Handler) http.Handler,
) error {
	client, err := messaging.Connect(known.Redis.URL)
	if err != nil {
		return fmt.Errorf("connect the viewer to Redis: %w", err)
	}
	defer client.Close()
	return viewer.New(viewer.Config{
		Metrics:    engine.Handler(),
		Registerer: engine.Registerer(),
		Page: func(v *viewer.Viewer) http.Handler {
			return page.New(page.Config{
				Viewer:     v,
				Orders:     known.Addresses.Order,
				Streams:    streamsapi.New(client, known.Partitions, v.TracerProvider()),
				Token:      known.Token,
				Dashboards: within(clew.Dashboards, "grafana/dashboards"),
				Runbooks:   within(clew.Runbooks, "observability/runbooks"),
			})
		},
	}).Run(ctx, on, protect)
}

func within(files embed.FS, dir string) fs.FS {
	sub, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // the folder is part of this program
	}
	return sub
}

// protect keeps web pages of other origins away from the viewer.
func protect(allowedHosts []string) func(http.Handler) http.Handler {
	logger := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	return func(handler http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", handler)
		return httpserver.Wrap(mux, allowedHosts, logger)
	}
}
