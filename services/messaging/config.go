package messaging

import (
	"cmp"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// A Config has the settings that all parts of a process share. The zero value of a field is its default.
type Config struct {
	Partitions     int                   // of each stream, 1 to MaxPartitions; the default is 1
	Source         string                // of messages made here, as CloudEvents has it; the default is "/" and the program's name
	TracerProvider trace.TracerProvider  // where spans go; by default nowhere, and each message's context is passed on all the same
	Registerer     prometheus.Registerer // where metrics are registered; by default nowhere
	Logger         *slog.Logger          // gets failed attempts and lost connections; the default is slog.Default()

	// WithoutContext makes messages leave their trace context behind, to show a trace that does not survive the queue.
	// Baggage travels all the same.
	WithoutContext bool

	// TestMode lets the baggage of a message steer its own telemetry: clew.propagation=off and clew.relation=link
	// are WithoutContext and LinkOnly for this message alone.
	TestMode bool
}

// Streams are the streams of one Redis, for one process. Its methods, and NewConsumer, hand out the parts.
type Streams struct{ *shared }

// shared is common to all parts.
type shared struct {
	Config
	client          redis.UniversalClient
	instrumentation *instrumentation
}

// New returns streams. The client must be one of Connect, or like it repeat no command; it is the caller's to close.
func New(client redis.UniversalClient, c Config) *Streams {
	c.Partitions = max(1, c.Partitions)
	c.Source = cmp.Or(c.Source, "/"+filepath.Base(os.Args[0]))
	if c.TracerProvider == nil {
		c.TracerProvider = noop.NewTracerProvider()
	}
	c.Logger = cmp.Or(c.Logger, slog.Default())
	return &Streams{&shared{c, client, newInstrumentation(client, c.TracerProvider, c.Registerer)}}
}

// A ConsumerConfig is how a consumer reads. The zero value of a field, but for the group, is its default. All consumers
// of a group must agree on ClaimAfter and BackoffMost.
type ConsumerConfig struct {
	Group string // that the consumer is a member of

	// Temporary is for a group that only watches: it starts with new messages, and is gone, with its pending messages,
	// when Run returns. Any other group starts with the oldest message and stays.
	Temporary bool

	// Name must differ between all consumers of a group and between restarts: a name is taken for dead when its process
	// is. The default is the machine's name and ProcessID, so that two consumers of one process and group need names.
	Name string

	Workers  int // handlers that run at once; 16
	InFlight int // messages that are held at most, fetched and not yet settled; 256

	Deliveries      int64         // before a message is dead-lettered; DefaultDeliveries
	HandlerTimeout  time.Duration // of one attempt, whose context ends then; 10 s
	ShutdownTimeout time.Duration // how long a consumer that was told to stop waits for its handlers; 15 s

	// ClaimAfter is the silence after which others take over the messages of a consumer, 15 s; Heartbeat is how often a
	// consumer is heard of, 5 s. The first must be well above the second.
	ClaimAfter, Heartbeat time.Duration

	// BackoffFirst is how long a failed message waits for its second attempt, 0.2 s, and BackoffMost the most that it
	// waits for a later one, DefaultBackoffMost. The wait triples each time, give or take 20 %.
	BackoffFirst, BackoffMost time.Duration

	Block     time.Duration // how long a fetch waits in Redis, and so a stop for a fetch; 1 s
	Retention time.Duration // of messages that every group has acknowledged; 15 min

	Relation          Relation // of processing to the trace that the message was created in; SameTrace
	BaggageAttributes []string // members of a message's baggage that become attributes of its processing spans; none
}

// Defaults that a program which looks at a group from outside needs to know.
const (
	DefaultDeliveries  = 5
	DefaultBackoffMost = 10 * time.Second
)

// A Relation is how the processing of a message relates to the trace that the message was created in.
type Relation int

// The relations. Either way the processing links to the creation context.
const (
	SameTrace Relation = iota // processing is a child of the creation context
	LinkOnly                  // processing is a trace of its own
)

// withDefaults fills in the defaults.
func (c ConsumerConfig) withDefaults() ConsumerConfig {
	c.Name = cmp.Or(c.Name, defaultName())
	c.Workers = cmp.Or(c.Workers, 16)
	c.InFlight = cmp.Or(c.InFlight, 256)
	c.Deliveries = cmp.Or(c.Deliveries, DefaultDeliveries)
	c.HandlerTimeout = cmp.Or(c.HandlerTimeout, 10*time.Second)
	c.ShutdownTimeout = cmp.Or(c.ShutdownTimeout, 15*time.Second)
	c.ClaimAfter = cmp.Or(c.ClaimAfter, 15*time.Second)
	c.Heartbeat = cmp.Or(c.Heartbeat, 5*time.Second)
	c.BackoffFirst = cmp.Or(c.BackoffFirst, 200*time.Millisecond)
	c.BackoffMost = cmp.Or(c.BackoffMost, DefaultBackoffMost)
	c.Block = cmp.Or(c.Block, time.Second)
	c.Retention = cmp.Or(c.Retention, 15*time.Minute)
	return c
}

// defaultName is the machine's name and ProcessID.
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
