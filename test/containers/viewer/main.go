// Program viewer stands in for Tempo, Loki and Grafana in containers where their images cannot be had. It has the ports of
// all three, so that the same program runs under each name: traces over OTLP at 4317 and Tempo's API at 3200, logs over OTLP
// at 3100, and Grafana's health check at 3000.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"example.com/clew/observability/viewer"
)

func main() {
	if err := run(context.Background()); err != nil { // until somebody ends it: there is nothing to finish
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	on := map[string]net.Listener{}
	for _, port := range []string{"3000", "3100", "3200", "4317", "4318"} {
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil {
			return err
		}
		on[port] = listener
	}
	metrics := prometheus.NewRegistry()
	v := viewer.New(viewer.Config{Metrics: promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}), Registerer: metrics})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/health", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("POST /otlp/", http.StripPrefix("/otlp", v.OTLPHandler()))
	mux.Handle("/", v.Handler())

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return http.Serve(on["3000"], mux) })
	group.Go(func() error { return http.Serve(on["3100"], mux) })
	group.Go(func() error {
		return v.Run(ctx, viewer.Listeners{API: on["3200"], OTLPGRPC: on["4317"], OTLPHTTP: on["4318"]},
			func(h http.Handler) http.Handler { return h })
	})
	return group.Wait()
}
