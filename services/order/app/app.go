// Package app builds the order service and runs it: as a process of its own with Main, or inside another process, such as a
// test, with New and Run.
package app

import (
	"context"
	"errors"
	"time"

	"example.com/clew/observability/telemetry"
	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/inbox"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/order/internal/events"
	"example.com/clew/services/order/internal/httpapi"
	"example.com/clew/services/order/internal/objective"
	"example.com/clew/services/order/internal/store"
	"example.com/clew/services/order/internal/store/migrations"
	"example.com/clew/services/service"
)

// name is the service's name, also as a consumer group, which all its replicas share.
const name = "order"

// Config is the configuration of one process of the service.
type Config struct {
	service.Config
	Addr      string `env:"ORDER_ADDR" envDefault:"127.0.0.1:8080"` // of the API
	AdminAddr string `env:"ADMIN_ADDR" envDefault:"127.0.0.1:9080"`
}

// Admin returns the address of the admin server.
func (c Config) Admin() string { return c.AdminAddr }

// ReadConfig reads the configuration from environment variables. Its error names every variable that is wrong.
func ReadConfig(variables map[string]string) (Config, error) {
	var cfg Config
	err := service.ReadConfig(name, &cfg, &cfg.Config, variables)
	return cfg, err
}

// New opens the ports, the database, which it creates or migrates, and a client of Redis, which need not be up yet. If New
// fails, nothing stays open. Otherwise the caller must call Run, which closes everything, and then shut tel down.
func New(ctx context.Context, cfg Config, tel *telemetry.Telemetry) (_ *service.Service, err error) {
	s := service.New(cfg.Config, tel)
	defer func() { err = s.Abandon(ctx, err) }()

	db, err := s.Database(ctx, migrations.FS)
	if err != nil {
		return nil, err
	}
	orders := store.New(db, tel.Registry)
	client, err := s.Redis()
	if err != nil {
		return nil, err
	}
	streams := s.Streams(client, "/"+name)
	out := outbox.New(db, db.System(), streams)
	s.Housekeeping(out.Table, orders.PurgeKeys)
	s.Every("counting the objective", time.Second, objective.NewSweeper(orders, tel.Registry).Sweep)
	adminErr := s.ServeAdmin(cfg.AdminAddr, "ADMIN_ADDR", out.Table)
	s.Relay(outbox.NewRelay(out.Table,
		messaging.TypeOf(contracts.OrderCreated{}), messaging.TypeOf(contracts.OrderCancelled{}),
		messaging.TypeOf(contracts.OrderConfirmed{}), messaging.TypeOf(contracts.OrderRejected{})))
	sampleErr := s.Sample(ctx, streams, contracts.Orders{}.Name(), contracts.Stock{}.Name())
	s.Consume(messaging.NewConsumer(streams, contracts.Stock{}, s.Consumer(name),
		events.Handlers(inbox.New(out, name), orders, tel.Logger)...))
	return s, errors.Join(adminErr, sampleErr, s.ServeAPI(cfg.Addr, "ORDER_ADDR", httpapi.New(orders, out, tel.Logger)))
}

// Main runs the service's program and returns its exit code: see service.Main.
func Main(args []string) int { return service.Main(name, args, ReadConfig, New) }
