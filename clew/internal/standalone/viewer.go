package standalone

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"

	root "example.com/clew"
	"example.com/clew/clew/internal/streamsapi"
	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/viewer"
	"example.com/clew/observability/viewer/metrics"
	"example.com/clew/observability/viewer/page"
	"example.com/clew/observability/viewer/story"
	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
)

// runViewer serves the viewer and its page until ctx ends, and closes the listeners.
func (c Config) runViewer(
	ctx context.Context, known state.State, engine *metrics.Engine, on viewer.Listeners, protect func(http.Handler) http.Handler,
	all *processes,
) error {
	client, err := messaging.Connect(known.Redis)
	if err != nil {
		return fmt.Errorf("connect the viewer to Redis: %w", err)
	}
	defer client.Close()
	return viewer.New(viewer.Config{
		Metrics:    engine.Handler(),
		Registerer: engine.Registerer(),
		Page: func(v *viewer.Viewer) http.Handler {
			streams := streamsapi.New(client, known.Partitions, c.Heartbeat, v.TracerProvider())
			return page.New(page.Config{
				Viewer:     v,
				Orders:     known.Addresses.Order,
				Journey:    journey,
				Streams:    streams,
				Questions:  both(streams.Questions(), all.questions(client)),
				Acts:       both(streams.Acts(), all.acts(client)),
				Token:      known.Token,
				Dashboards: within(root.Dashboards, "grafana/dashboards"),
				Runbooks:   within(root.Runbooks, "observability/runbooks"),
				Documents:  root.Documents,
				Repository: os.DirFS("."), // Clew is started in its folder
				Terminal:   ownCommands{ctx, all.clew, c.Dir},
			})
		},
	}).Run(ctx, on, protect)
}

// journey is the way of an order through the services.
var journey = story.Settings{
	Deliveries: messaging.DefaultDeliveries,
	Turns: []story.TurnSettings{
		{
			Service: "order", Request: "POST /orders", Stream: contracts.Orders{}.Name(),
			Types: []string{contracts.OrderCreated{}.Type()},
		},
		{
			Service: "inventory", Reads: contracts.Orders{}.Name(), Stream: contracts.Stock{}.Name(),
			Types: []string{contracts.StockReserved{}.Type(), contracts.StockRejected{}.Type()},
		},
		{
			Service: "order", Reads: contracts.Stock{}.Name(), Stream: contracts.Orders{}.Name(),
			Types: []string{contracts.OrderConfirmed{}.Type(), contracts.OrderRejected{}.Type()},
		},
	},
}

// both returns what either has.
func both(a, b map[string]page.Question) map[string]page.Question {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
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
	logger := slog.New(slog.NewJSONHandler(terminal.Lines(os.Stdout), nil))
	return func(handler http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", handler)
		return httpserver.Wrap(mux, allowedHosts, logger)
	}
}
