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

// A Config has the settings that all parts of a process share. The zero value of a field means its default.
type Config struct {
	Partitions     int                   // of each stream, 1 to MaxPartitions; the default is 1
	Source         string                // CloudEvents source of published messages; the default is "/" and the program's name
	TracerProvider trace.TracerProvider  // the default makes no spans; messages keep their trace context all the same
	Registerer     prometheus.Registerer // the default registers no metrics
	Logger         *slog.Logger          // gets failed attempts and lost connections; the default is slog.Default()

	// WithoutContext leaves the trace context out of messages, to show a trace that does not survive the queue. Baggage
	// travels all the same.
	WithoutContext bool

	// TestMode lets a message's baggage steer its telemetry: clew.propagation=off and clew.relation=link mean
	// WithoutContext and LinkOnly for this message alone.
	TestMode bool
}

// Streams are the streams of one Redis, for one process. Its methods, and NewConsumer, make publishers, consumers, samplers
// and admins.
type Streams struct{ *shared }

// shared is common to all parts.
type shared struct {
	Config
	client          redis.UniversalClient
	instrumentation *instrumentation
}

// New returns Streams. The client must be one of Connect, or like it repeat no command. The caller closes it.
func New(client redis.UniversalClient, c Config) *Streams {
	c.Partitions = max(1, c.Partitions)
	c.Source = cmp.Or(c.Source, "/"+filepath.Base(os.Args[0]))
	if c.TracerProvider == nil {
		c.TracerProvider = noop.NewTracerProvider()
	}
	c.Logger = cmp.Or(c.Logger, slog.Default())
	return &Streams{&shared{c, client, newInstrumentation(client, c.TracerProvider, c.Registerer)}}
}

// A ConsumerConfig configures a consumer. The zero value of a field, except Group, means its default, which stands at the
// end of its comment. All consumers of a group must have the same ClaimAfter and BackoffMost.
type ConsumerConfig struct {
	Group string // required

	// Temporary is for a group that only watches: it starts with new messages, and is deleted, with its pending messages,
	// when Run returns. Any other group starts with the oldest message and stays.
	Temporary bool

	// Name must be unique among the consumers of a group, and new at each start. The default, the machine's name and
	// ProcessID, is the same for two consumers of one process: in one group, these need names.
	Name string

	Workers  int // handlers that run at once; DefaultWorkers
	InFlight int // most messages held at once: fetched, not yet settled; 1024, or 64 for each partition if that is more

	Deliveries      int64         // before a message is dead-lettered; DefaultDeliveries
	HandlerTimeout  time.Duration // of one attempt, whose context ends then; 10 s
	ShutdownTimeout time.Duration // for handlers to finish after a stop; 15 s

	// ClaimAfter is the silence after which others take over a consumer's messages, 15 s. Heartbeat is the time between
	// two signs of life, 5 s. ClaimAfter must be well above Heartbeat.
	ClaimAfter, Heartbeat time.Duration

	// BackoffFirst is the wait before the second attempt, 0.2 s. It triples each time, give or take 20 %, up to
	// BackoffMost, DefaultBackoffMost.
	BackoffFirst, BackoffMost time.Duration

	Block     time.Duration // how long a fetch waits in Redis, and a stop for a fetch; 1 s
	Retention time.Duration // of messages that every group has acknowledged; 15 min

	Relation          Relation // of processing to the trace that the message was created in; SameTrace
	BaggageAttributes []string // members of a message's baggage that become attributes of its process spans; none
}

// Defaults that a program which looks at a group from outside needs to know.
const (
	DefaultWorkers     = 16
	DefaultDeliveries  = 5
	DefaultBackoffMost = 10 * time.Second
)

// A Relation tells how the processing of a message relates to the trace that the message was created in.
type Relation int

// The relations. With both, processing links to the creation context.
const (
	SameTrace Relation = iota // processing is a child of the creation context
	LinkOnly                  // processing starts a new trace
)

// withDefaults fills in the defaults.
func (c ConsumerConfig) withDefaults(partitions int) ConsumerConfig {
	c.Name = cmp.Or(c.Name, defaultName())
	c.Workers = cmp.Or(c.Workers, DefaultWorkers)
	c.InFlight = cmp.Or(c.InFlight, max(1024, 64*partitions))
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

// started distinguishes processes that have the same pid.
var started = time.Now().UnixMilli()

// ProcessID returns an id that no other process on this machine has or had: the pid or, in a container, where each start has
// the same pid, the time of the start. In a container the process is the first, or the init's only child.
func ProcessID() string {
	if pid := os.Getpid(); pid > 1 && os.Getppid() > 1 {
		return strconv.Itoa(pid)
	}
	return strconv.FormatInt(started, 10)
}
