// Package service is what the services of Clew have in common as processes: their configuration, the parts that each
// of them is put together from, and the order in which these start and stop. What HTTP servers share is in httpserver.
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
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/outbox"
	"example.com/clew/services/service/httpserver"
)

// shutdownDeadline bounds a stop. The times that its steps may take add up to less; the relay takes 5 s at most.
const (
	shutdownDeadline = 20 * time.Second
	apiGrace         = 4 * time.Second // for requests in flight
	consumerGrace    = 6 * time.Second // for messages in flight
	adminGrace       = time.Second
)

const askEvery = 2 * time.Second // whether what the process depends on is there

// A Process is a service that is put together, part by part, and then runs. Its methods open what the part needs; what
// they open is closed by Run, or by Abandon if the service cannot be put together.
type Process struct {
	cfg      Config
	tel      *telemetry.Telemetry
	api      net.Listener
	admin    net.Listener
	shutdown *telemetry.Shutdown
	needs    map[string]func(context.Context) error // asks what it cannot work without
	uses     map[string]func(context.Context) error // asks what may be away for a while
	up       *prometheus.GaugeVec
	loops    []loop
	ended    context.Context // with its cause, as soon as a loop has ended by itself
	end      context.CancelCauseFunc
}

// A loop runs until its context ends.
type loop struct {
	name string
	run  func(context.Context) error
}

// New returns a process without parts. Telemetry is the caller's to stop, after Run.
func New(cfg Config, tel *telemetry.Telemetry) *Process {
	ended, end := context.WithCancelCause(context.Background())
	up := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "dependency_up", Help: "1 if what the process depends on answered when it was last asked, within 2 s; else 0.",
	}, []string{"dependency"})
	tel.Registry.MustRegister(up)
	return &Process{
		cfg: cfg, tel: tel, shutdown: telemetry.NewShutdown(tel.Logger), up: up,
		needs: map[string]func(context.Context) error{}, uses: map[string]func(context.Context) error{}, ended: ended, end: end,
	}
}

// depend makes a dependency show in /readyz and in the metrics.
func (p *Process) depend(on map[string]func(context.Context) error, name string, ask func(context.Context) error) {
	on[name] = ask
	up := p.up.WithLabelValues(name)
	p.Every("asking "+name, askEvery, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, askEvery)
		defer cancel()
		err := ask(ctx)
		up.Set(map[bool]float64{true: 1}[err == nil])
		return err
	})
}

// Abandon closes what was opened, if the process cannot be put together because of err, and returns err with whatever
// else went wrong. It does nothing, and returns nil, if err is nil.
func (p *Process) Abandon(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	p.end(nil)
	return errors.Join(err, p.shutdown.Run(ctx))
}

// Database opens the process's database and brings it up to date with the service's migrations.
func (p *Process) Database(ctx context.Context, migrations fs.FS) (*database.DB, error) {
	db, err := database.Open(ctx, p.cfg.DatabaseURL, migrations, p.tel.TracerProvider, p.tel.Registry)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	p.shutdown.Push("database", func(context.Context) error { return db.Close() })
	p.depend(p.needs, "database", db.Ping)
	return db, nil
}

// Redis makes a client. It does not dial: a process starts, and does what it can, while Redis is away.
func (p *Process) Redis() (redis.UniversalClient, error) {
	client, err := messaging.Connect(p.cfg.RedisURL)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	p.shutdown.Push("Redis client", func(context.Context) error { return client.Close() })
	if err := p.tel.Registry.Register(messaging.PoolCollector("redis", client)); err != nil {
		return nil, fmt.Errorf("a process has one Redis client: %w", err)
	}
	// Without Redis the API accepts what the outbox keeps: a load balancer must not take that away.
	p.depend(p.uses, "redis", func(ctx context.Context) error { return client.Ping(ctx).Err() })
	return client, nil
}

// ServeAdmin adds the server for those who run the service, who may also replay its outbox.
func (p *Process) ServeAdmin(addr, variable string, out *outbox.Table) (err error) {
	mux := p.tel.AdminHandler(func() error { return context.Cause(p.ended) }, p.needs, p.uses)
	mux.HandleFunc("POST /outbox/replay", replay(out, p.cfg.Token, p.tel.Logger))
	p.admin, err = p.serve("admin server", addr, variable, httpserver.Wrap(mux, p.cfg.AllowedHosts, p.tel.Logger), adminGrace)
	return err
}

// Streams returns the streams of the process's Redis. Source is the CloudEvents source of its messages.
func (p *Process) Streams(client redis.UniversalClient, source string) *messaging.Streams {
	return messaging.New(client, messaging.Config{
		Partitions: p.cfg.Partitions, Source: source,
		TracerProvider: p.tel.TracerProvider, Registerer: p.tel.Registry, Logger: p.tel.Logger,
		WithoutContext: !p.cfg.Propagation, TestMode: p.cfg.TestMode,
	})
}

// Consumer is how the process reads a stream, as a member of a group.
func (p *Process) Consumer(group string) messaging.ConsumerConfig {
	return messaging.ConsumerConfig{
		Group: group, Name: p.cfg.Instance + "-" + messaging.ProcessID(), ShutdownTimeout: consumerGrace,
		ClaimAfter: p.cfg.ClaimAfter, Heartbeat: p.cfg.Heartbeat,
		Relation: p.cfg.TraceRelation, BaggageAttributes: []string{httpserver.CustomerTier},
	}
}

// Relay adds the relay of an outbox.
func (p *Process) Relay(relay *outbox.Relay) { p.add("relay", relay.Run) }

// Consume adds a consumer.
func (p *Process) Consume(consumer *messaging.Consumer) { p.add("consumer", consumer.Run) }

// Sample adds a sampler of streams: all that the process publishes to or consumes. It is an error if one of them has
// another number of partitions than this process; if Redis is away, the sampler finds out later, and ends the process.
func (p *Process) Sample(ctx context.Context, streams *messaging.Streams, names ...string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for _, stream := range names {
		err := streams.Admin().AgreePartitions(ctx, stream)
		if other := (*messaging.PartitionsError)(nil); errors.As(err, &other) {
			return advise(err)
		}
	}
	p.add("sampler", streams.Sampler(names...).Run)
	return nil
}

// advise says what to do where the numbers of partitions differ, and returns any other error as it is.
func advise(err error) error {
	var other *messaging.PartitionsError
	if !errors.As(err, &other) {
		return err
	}
	return fmt.Errorf("CLEW_PARTITIONS is %d, and the stream %s in this Redis has %d partitions: give all services the same number, "+
		"or change it while none runs: clew streams partitions %[1]d", other.Told, other.Stream, other.InRedis)
}

// ServeAPI adds the API's server; the variable is the one that sets the address.
func (p *Process) ServeAPI(addr, variable string, mux *http.ServeMux) (err error) {
	handler := httpserver.OTel(httpserver.Wrap(mux, p.cfg.AllowedHosts, p.tel.Logger), httpserver.Tracing{
		TracerProvider: p.tel.TracerProvider, MeterProvider: p.tel.MeterProvider, Propagator: p.tel.Propagator,
		Addr: addr, TrustCaller: p.cfg.TrustCaller, TestMode: p.cfg.TestMode,
	})
	p.api, err = p.serve("API", addr, variable, handler, apiGrace)
	return err
}

// Addr returns the host and port of the API.
func (p *Process) Addr() string { return p.api.Addr().String() }

// AdminAddr returns the host and port of the admin server.
func (p *Process) AdminAddr() string { return p.admin.Addr().String() }

// serve opens a port, which its server closes, or the shutdown if no server got so far.
func (p *Process) serve(name, addr, variable string, handler http.Handler, grace time.Duration) (net.Listener, error) {
	listener, err := httpserver.Listen(addr, variable)
	if err != nil {
		return nil, err
	}
	p.shutdown.Push("listener of the "+name, func(context.Context) error {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	p.add(name, func(ctx context.Context) error {
		return httpserver.Serve(ctx, listener, handler, p.tel.Logger, grace)
	})
	return listener, nil
}

func (p *Process) add(name string, run func(context.Context) error) {
	p.loops = append(p.loops, loop{name, run})
}
