// Package app puts the inventory service together and runs it: as a process of its own by Main, or inside another, such
// as a test, by New and Run.
package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/redis/go-redis/v9"

	"example.com/clew/observability/telemetry"
	"example.com/clew/services/contracts"
	"example.com/clew/services/httpserver"
	"example.com/clew/services/inventory/internal/events"
	"example.com/clew/services/inventory/internal/httpapi"
	"example.com/clew/services/inventory/internal/stock"
	"example.com/clew/services/inventory/internal/store"
	"example.com/clew/services/inventory/internal/store/migrations"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/inbox"
	"example.com/clew/services/messaging/outbox"
)

// group is the consumer group that all replicas of the service share.
const group = "inventory"

// An App is the service, put together but not yet running.
type App struct {
	tel           *telemetry.Telemetry
	listener      net.Listener // of the API
	adminListener net.Listener
	handler       http.Handler
	admin         func(live func() error) http.Handler
	relay         *outbox.Relay
	consumer      *messaging.Consumer
	shutdown      *telemetry.Shutdown
}

// New opens what the service needs: its ports, its database, which it creates and seeds or brings up to date, and its
// clients of Redis, which need not be there yet. If it fails, nothing stays open; else Run must follow, which closes
// everything. Telemetry is the caller's to stop, after Run.
func New(ctx context.Context, cfg Config, tel *telemetry.Telemetry) (_ *App, err error) {
	a := &App{tel: tel, shutdown: telemetry.NewShutdown(tel.Logger)}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.shutdown.Run(ctx))
		}
	}()

	if a.listener, err = a.listen(cfg.Addr, "INVENTORY_ADDR"); err != nil {
		return nil, err
	}
	if a.adminListener, err = a.listen(cfg.AdminAddr, "ADMIN_ADDR"); err != nil {
		return nil, err
	}
	db, err := database.Open(ctx, cfg.DatabaseURL, migrations.FS, tel.TracerProvider)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	a.shutdown.Push("database", func(context.Context) error { return db.Close() })
	items := store.New(db)
	if err := items.Seed(ctx, stock.Seed()); err != nil {
		return nil, err
	}
	publishing, err := a.connect(cfg.RedisURL)
	if err != nil {
		return nil, err
	}
	consuming, err := a.connect(cfg.RedisURL)
	if err != nil {
		return nil, err
	}

	options := []messaging.Option{
		messaging.WithTracerProvider(tel.TracerProvider),
		messaging.WithRegisterer(tel.Registry),
		messaging.WithLogger(tel.Logger),
		messaging.WithName(fmt.Sprintf("%s-%d", cfg.Instance, os.Getpid())),
		messaging.WithShutdownTimeout(consumerGrace),
	}
	out := outbox.New(db, "/inventory", tel.TracerProvider)
	a.relay = outbox.NewRelay(out, messaging.NewPublisher(publishing, cfg.Partitions, options...), tel.Logger)
	a.consumer = messaging.NewConsumer(consuming,
		messaging.Subscription{Stream: contracts.StreamOrders, Group: group, Partitions: cfg.Partitions},
		events.Handlers(inbox.New(out, group), items), options...)

	api := httpserver.Wrap(httpapi.New(items, cfg.Token, tel.Logger), cfg.AllowedHosts, tel.Logger)
	a.handler = httpserver.OTel(api, tel.TracerProvider, tel.MeterProvider, tel.Propagator, cfg.TrustCaller)
	a.admin = func(live func() error) http.Handler {
		return httpserver.Wrap(tel.AdminHandler(live, map[string]func(context.Context) error{
			"database": db.Ping,
			"redis":    func(ctx context.Context) error { return publishing.Ping(ctx).Err() },
		}), cfg.AllowedHosts, tel.Logger)
	}
	return a, nil
}

// Addr returns the host and port of the API.
func (a *App) Addr() string { return a.listener.Addr().String() }

// AdminAddr returns the host and port of the admin server.
func (a *App) AdminAddr() string { return a.adminListener.Addr().String() }

// listen opens a port, which its server closes, or the shutdown if no server got so far.
func (a *App) listen(addr, variable string) (net.Listener, error) {
	listener, err := httpserver.Listen(addr, variable)
	if err != nil {
		return nil, err
	}
	a.shutdown.Push("listener of "+variable, func(context.Context) error {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return listener, nil
}

// connect makes a client of Redis. It does not dial: the service starts while Redis is away.
func (a *App) connect(url string) (redis.UniversalClient, error) {
	client, err := messaging.Connect(url)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	a.shutdown.Push("Redis client", func(context.Context) error { return client.Close() })
	return client, nil
}
