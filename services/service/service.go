// Package service builds a service from parts: it reads the configuration, opens ports, database and Redis, and starts
// and stops the parts in order. Order and inventory are built with it. Package apiserver, below, makes their HTTP APIs.
package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"example.com/clew/observability/telemetry"
	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/service/apiserver"
)

// shutdownDeadline bounds a stop. The limits of its steps add up to less; the relay's is 5 s.
const (
	shutdownDeadline = 20 * time.Second
	apiGrace         = 4 * time.Second // for requests in flight
	consumerGrace    = 6 * time.Second // for messages in flight
	adminGrace       = time.Second
)

const askEvery = 2 * time.Second // whether the database and Redis answer

// A Service is built from parts and then runs. A method that adds a part opens its ports and connections at once; Run closes
// them, or Abandon if building fails.
type Service struct {
	cfg      Config
	tel      *telemetry.Telemetry
	api      net.Listener
	admin    net.Listener
	shutdown *telemetry.Shutdown
	needs    map[string]func(context.Context) error // checks dependencies it cannot work without
	uses     map[string]func(context.Context) error // checks dependencies that may be away for a while
	up       *prometheus.GaugeVec
	loops    []loop
	ended    context.Context // done, with the cause, as soon as a loop has ended by itself
	end      context.CancelCauseFunc
}

// A loop runs until its context ends.
type loop struct {
	name string
	run  func(context.Context) error
}

// New returns a Service without parts. The caller shuts tel down, after Run.
func New(cfg Config, tel *telemetry.Telemetry) *Service {
	ended, end := context.WithCancelCause(context.Background())
	up := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "dependency_up", Help: "1 if the dependency answered its last check within 2 s; else 0.",
	}, []string{"dependency"})
	tel.Registry.MustRegister(up)
	return &Service{
		cfg: cfg, tel: tel, shutdown: telemetry.NewShutdown(tel.Logger), up: up,
		needs: map[string]func(context.Context) error{}, uses: map[string]func(context.Context) error{}, ended: ended, end: end,
	}
}

// depend adds a dependency to /readyz and to the metric dependency_up.
func (s *Service) depend(on map[string]func(context.Context) error, name string, ask func(context.Context) error) {
	on[name] = ask
	up := s.up.WithLabelValues(name)
	s.Every("asking "+name, askEvery, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, askEvery)
		defer cancel()
		err := ask(ctx)
		up.Set(map[bool]float64{true: 1}[err == nil])
		return err
	})
}

// Abandon closes everything that was opened, if the service cannot be put together because of err. It returns err joined
// with the errors of closing. If err is nil it does nothing and returns nil.
func (s *Service) Abandon(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	s.end(nil)
	return errors.Join(err, s.shutdown.Run(ctx))
}

// Database opens the database and applies the service's migrations.
func (s *Service) Database(ctx context.Context, migrations fs.FS) (*database.DB, error) {
	db, err := database.Open(ctx, s.cfg.DatabaseURL, migrations, s.tel.TracerProvider, s.tel.Registry)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	s.shutdown.Push("database", func(context.Context) error { return db.Close() })
	s.depend(s.needs, "database", db.Ping)
	return db, nil
}

// Redis makes a client. It does not dial: the service starts, and does what it can, while Redis is away.
func (s *Service) Redis() (redis.UniversalClient, error) {
	client, err := messaging.Connect(s.cfg.Redis)
	if err != nil {
		return nil, err
	}
	s.shutdown.Push("Redis client", func(context.Context) error { return client.Close() })
	if err := s.tel.Registry.Register(messaging.PoolCollector("redis", client)); err != nil {
		return nil, fmt.Errorf("a process has one Redis client: %w", err)
	}
	// Without Redis the API still accepts orders, and the outbox keeps their messages: a load balancer must not stop that.
	s.depend(s.uses, "redis", func(ctx context.Context) error { return client.Ping(ctx).Err() })
	return client, nil
}

// ServeAdmin adds the admin server: metrics, health, profiles and POST /outbox/replay. It opens the port at once; variable
// is the environment variable that sets addr, for the error's text.
func (s *Service) ServeAdmin(addr, variable string, out *outbox.Table) (err error) {
	mux := s.tel.AdminHandler(func() error { return context.Cause(s.ended) }, s.needs, s.uses)
	mux.HandleFunc("POST /outbox/replay", replay(out, s.cfg.Token, s.tel.Logger))
	s.admin, err = s.serve("admin server", addr, variable, httpserver.Wrap(mux, s.cfg.AllowedHosts, s.tel.Logger), adminGrace)
	return err
}

// Streams returns the streams in the service's Redis. source is the CloudEvents source of its messages.
func (s *Service) Streams(client redis.UniversalClient, source string) *messaging.Streams {
	return messaging.New(client, messaging.Config{
		Partitions: s.cfg.Partitions, Source: source,
		TracerProvider: s.tel.TracerProvider, Registerer: s.tel.Registry, Logger: s.tel.Logger,
		WithoutContext: !s.cfg.Propagation, TestMode: s.cfg.TestMode,
	})
}

// Consumer returns the configuration of a consumer in group.
func (s *Service) Consumer(group string) messaging.ConsumerConfig {
	return messaging.ConsumerConfig{
		Group: group, Name: s.cfg.Instance + "-" + messaging.ProcessID(), ShutdownTimeout: consumerGrace,
		ClaimAfter: s.cfg.ClaimAfter, Heartbeat: s.cfg.Heartbeat,
		Relation: s.cfg.TraceRelation, BaggageAttributes: []string{apiserver.CustomerTier},
	}
}

// Relay adds the relay of an outbox.
func (s *Service) Relay(relay *outbox.Relay) { s.add("relay", relay.Run) }

// Consume adds a consumer.
func (s *Service) Consume(consumer *messaging.Consumer) { s.add("consumer", consumer.Run) }

// Sample adds a sampler of the streams that the service publishes to or consumes. It fails if Redis is not what Config says, or
// one of the streams has another number of partitions, and asks Redis for that for at most 1 s. If Redis is away, the sampler
// finds out later and ends the service.
func (s *Service) Sample(ctx context.Context, streams *messaging.Streams, names ...string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for _, stream := range names {
		err := streams.Admin().AgreePartitions(ctx, stream)
		if other := (*messaging.PartitionsError)(nil); errors.As(err, &other) || errors.Is(err, messaging.ErrMisconfigured) {
			return advise(err)
		}
	}
	s.add("sampler", streams.Sampler(names...).Run)
	return nil
}

// advise adds advice to a PartitionsError, and returns any other error unchanged.
func advise(err error) error {
	var other *messaging.PartitionsError
	if !errors.As(err, &other) {
		return err
	}
	return fmt.Errorf("CLEW_PARTITIONS is %d, and the stream %s in this Redis has %d partitions: give all services the same number, "+
		"or change it while none runs: clew streams partitions %[1]d", other.Told, other.Stream, other.InRedis)
}

// ServeAPI adds the API's server. It opens the port at once; variable is the environment variable that sets addr, for the
// error's text.
func (s *Service) ServeAPI(addr, variable string, mux *http.ServeMux) (err error) {
	handler := apiserver.OTel(httpserver.Wrap(mux, s.cfg.AllowedHosts, s.tel.Logger), apiserver.Tracing{
		TracerProvider: s.tel.TracerProvider, MeterProvider: s.tel.MeterProvider, Propagator: s.tel.Propagator,
		Addr: addr, TrustCaller: s.cfg.TrustCaller, TestMode: s.cfg.TestMode,
	})
	s.api, err = s.serve("API", addr, variable, handler, apiGrace)
	return err
}

// Addr returns the host and port of the API.
func (s *Service) Addr() string { return s.api.Addr().String() }

// AdminAddr returns the host and port of the admin server.
func (s *Service) AdminAddr() string { return s.admin.Addr().String() }

// serve opens a port and adds its server. The server closes the port, or the shutdown does if the server never started.
func (s *Service) serve(name, addr, variable string, handler http.Handler, grace time.Duration) (net.Listener, error) {
	listener, err := httpserver.Listen(addr, variable)
	if err != nil {
		return nil, err
	}
	s.shutdown.Push("listener of the "+name, func(context.Context) error {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	s.add(name, func(ctx context.Context) error {
		return httpserver.Serve(ctx, listener, handler, s.tel.Logger, grace)
	})
	return listener, nil
}

func (s *Service) add(name string, run func(context.Context) error) {
	s.loops = append(s.loops, loop{name, run})
}
