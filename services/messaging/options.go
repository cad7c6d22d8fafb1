package messaging

import (
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// An Option changes a default of a Publisher or a Consumer. Those that only a consumer has a use for say so.
type Option interface{ apply(*config) }

type config struct {
	tracerProvider  trace.TracerProvider
	registerer      prometheus.Registerer
	logger          *slog.Logger
	name            string
	handlerTimeout  time.Duration
	shutdownTimeout time.Duration
}

func newConfig(options []Option) config {
	c := config{
		tracerProvider:  noop.NewTracerProvider(),
		logger:          slog.Default(),
		name:            "consumer-" + strconv.Itoa(os.Getpid()),
		handlerTimeout:  10 * time.Second,
		shutdownTimeout: 15 * time.Second,
	}
	for _, option := range options {
		option.apply(&c)
	}
	return c
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

// WithTracerProvider says where spans go. The default makes none, and still passes on the context of each message.
func WithTracerProvider(tp trace.TracerProvider) Option {
	return optionFunc(func(c *config) { c.tracerProvider = tp })
}

// WithRegisterer says where metrics are registered. By default they are not. Publishers and consumers of one process
// share a registerer.
func WithRegisterer(reg prometheus.Registerer) Option {
	return optionFunc(func(c *config) { c.registerer = reg })
}

// WithLogger says where failed attempts and lost connections are told. The default is slog.Default().
func WithLogger(logger *slog.Logger) Option {
	return optionFunc(func(c *config) { c.logger = logger })
}

// WithName sets a consumer's name, which must differ between all consumers of a group and between restarts: a name is
// taken for dead when its process is. The default is "consumer-<pid>".
func WithName(name string) Option {
	return optionFunc(func(c *config) { c.name = name })
}

// WithHandlerTimeout bounds one attempt of a consumer's handler; its context ends then. The default is 10 s.
func WithHandlerTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) { c.handlerTimeout = d })
}

// WithShutdownTimeout bounds how long a consumer that was told to stop waits for its handlers. The default is 15 s.
func WithShutdownTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) { c.shutdownTimeout = d })
}
