package viewer

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"

	"example.com/clew/observability/telemetry/httpserver"
)

// DefaultMaxBytes bounds the traces kept when Config.MaxBytes is not set: some thousands of orders.
const DefaultMaxBytes = 64 << 20

const (
	maxRequestBytes = 8 << 20 // one OTLP request, decompressed; a batch of 2 048 spans takes about 2 MiB
	shutdownTimeout = 5 * time.Second
)

// Config configures a Viewer. The zero value is ready to use.
type Config struct {
	// MaxBytes bounds the memory of kept traces, in bytes; zero or less means DefaultMaxBytes. One trace may take a quarter of
	// it. Before a garbage collection the process may grow to about twice this. Log records may take another 16 MiB.
	MaxBytes int64
	// Metrics answers /api/v1/ and GET /metrics; see package metrics. If nil, these are answered 404.
	Metrics http.Handler
	// Registerer gets the metrics about kept traces and logs. It may be nil.
	Registerer prometheus.Registerer
	// Page makes the handler of every path that is not the viewer's own; see package page. New calls it once. If nil, these
	// paths are answered 404.
	Page func(*Viewer) http.Handler
}

// Viewer receives traces and logs, and answers queries about them. Its methods may be called concurrently.
type Viewer struct {
	store   *store
	logs    *logStore
	metrics http.Handler
	page    http.Handler

	receiving     *semaphore.Weighted // the memory of requests under way; see claim
	searching     *semaphore.Weighted // searches under way
	searchTimeout time.Duration
}

// New returns an empty Viewer. It starts nothing.
func New(cfg Config) *Viewer {
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	if cfg.Metrics == nil {
		cfg.Metrics = http.NotFoundHandler()
	}
	v := &Viewer{
		store: newStore(cfg.MaxBytes), logs: newLogStore(maxLogBytes), metrics: cfg.Metrics, page: http.NotFoundHandler(),
		receiving: semaphore.NewWeighted(maxReceivingBytes), searching: semaphore.NewWeighted(maxSearches), searchTimeout: searchTimeout,
	}
	v.register(cfg.Registerer)
	if cfg.Page != nil {
		v.page = cfg.Page(v)
	}
	return v
}

// Listeners are where Run serves. The caller opens them, so that a taken port is reported before anything starts.
type Listeners struct {
	API      net.Listener
	OTLPGRPC net.Listener
	OTLPHTTP net.Listener
}

// Run serves the query API and both kinds of OTLP until ctx ends. Then it closes the listeners, ends subscriptions, and waits
// at most 5 s for requests under way. protect wraps the handlers of both HTTP servers in checks of host and origin, such as
// httpserver.Wrap. Run returns nil after ctx ended, or the first error of a server.
func (v *Viewer) Run(ctx context.Context, on Listeners, protect func(http.Handler) http.Handler) error {
	group, ctx := errgroup.WithContext(ctx)
	serveHTTP(ctx, group, on.API, protect(v.Handler()))
	serveHTTP(ctx, group, on.OTLPHTTP, protect(v.OTLPHandler()))
	serveGRPC(ctx, group, on.OTLPGRPC, v.grpcServer())
	group.Go(func() error {
		<-ctx.Done()
		v.store.changes.end()
		return nil
	})
	return group.Wait()
}

func serveHTTP(ctx context.Context, group *errgroup.Group, on net.Listener, handler http.Handler) {
	group.Go(func() error {
		if err := httpserver.Serve(ctx, on, handler, slog.Default(), shutdownTimeout); ctx.Err() == nil {
			return err
		}
		return nil // requests that the stop cut off are no failure
	})
}

func serveGRPC(ctx context.Context, group *errgroup.Group, on net.Listener, server *grpc.Server) {
	group.Go(func() error {
		if err := server.Serve(on); !errors.Is(err, grpc.ErrServerStopped) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		hurry := time.AfterFunc(shutdownTimeout, server.Stop)
		defer hurry.Stop()
		server.GracefulStop()
		return nil
	})
}
