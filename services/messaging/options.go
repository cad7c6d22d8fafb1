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
	claimAfter      time.Duration
	heartbeat       time.Duration
	block           time.Duration
	backoffFirst    time.Duration
	backoffMost     time.Duration
	propagation     bool
	relation        Relation
	testMode        bool
	baggage         []string
	events          map[string][]string // types by stream
}

// A Relation is how the processing of a message relates to the trace that the message was created in.
type Relation int

// The relations. Either way the processing links to the creation context.
const (
	SameTrace Relation = iota // processing is a child of the creation context
	LinkOnly                  // processing is a trace of its own
)

func newConfig(options []Option) config {
	c := config{
		tracerProvider:  noop.NewTracerProvider(),
		logger:          slog.Default(),
		name:            defaultName(),
		handlerTimeout:  10 * time.Second,
		shutdownTimeout: 15 * time.Second,
		claimAfter:      15 * time.Second,
		heartbeat:       5 * time.Second,
		block:           time.Second,
		backoffFirst:    200 * time.Millisecond,
		backoffMost:     10 * time.Second,
		propagation:     true,
	}
	for _, option := range options {
		option.apply(&c)
	}
	return c
}

func defaultName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "consumer"
	}
	return host + "-" + ProcessID()
}

// started tells processes apart that have the same pid.
var started = time.Now().UnixMilli()

// ProcessID tells this process from others on its machine, earlier ones among them: its pid or, in a container, where every
// start has the same, when it started. There it is the first process, or the init's only child.
func ProcessID() string {
	if pid := os.Getpid(); pid > 1 && os.Getppid() > 1 {
		return strconv.Itoa(pid)
	}
	return strconv.FormatInt(started, 10)
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
// taken for dead when its process is. The default is the machine's name and ProcessID, so that two consumers of one process
// and group need names.
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

// WithClaimAfter sets after how long without a heartbeat a consumer takes over what another one holds, and how often
// a consumer's heartbeat refreshes what it holds itself. The defaults are 15 s and 5 s. All consumers of a group must
// agree, and the first must be well above the second.
func WithClaimAfter(claimAfter, heartbeat time.Duration) Option {
	return optionFunc(func(c *config) { c.claimAfter, c.heartbeat = claimAfter, heartbeat })
}

// WithPropagation says whether a publisher's messages carry their trace context. The default is true; false shows what
// a trace looks like that does not survive the queue. Baggage travels all the same.
func WithPropagation(on bool) Option {
	return optionFunc(func(c *config) { c.propagation = on })
}

// WithRelation sets how a consumer's processing relates to the trace that the message was created in. The default is
// SameTrace.
func WithRelation(relation Relation) Option {
	return optionFunc(func(c *config) { c.relation = relation })
}

// WithTestMode lets the baggage of a message steer its own telemetry: clew.propagation=off and clew.relation=link do
// for it what WithPropagation and WithRelation do for all.
func WithTestMode(on bool) Option {
	return optionFunc(func(c *config) { c.testMode = on })
}

// WithBaggageAttributes names the members of a message's baggage that become attributes of its processing spans.
func WithBaggageAttributes(members ...string) Option {
	return optionFunc(func(c *config) { c.baggage = members })
}

// WithBackoff sets how long a failed message waits for its second attempt, and the most that it waits for a later one.
// The wait triples each time, give or take 20 %. The defaults are 0.2 s and 10 s. All consumers of a group must agree.
func WithBackoff(first, most time.Duration) Option {
	return optionFunc(func(c *config) { c.backoffFirst, c.backoffMost = first, most })
}

// WithBlock sets how long a consumer's fetch waits in Redis for messages. Ending a context does not interrupt it, so a
// stop takes as long too. The default is 1 s.
func WithBlock(d time.Duration) Option {
	return optionFunc(func(c *config) { c.block = d })
}

// WithEvents names types that a publisher will publish to a stream, so that their counters exist, at 0, before the
// first is sent.
func WithEvents(stream string, types ...string) Option {
	return optionFunc(func(c *config) {
		if c.events == nil {
			c.events = map[string][]string{}
		}
		c.events[stream] = types
	})
}
