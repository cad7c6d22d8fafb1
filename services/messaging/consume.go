package messaging

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"
)

// A Subscription is what a consumer reads: one stream, as a member of one group.
type Subscription struct {
	Stream     string
	Group      string
	Partitions int // of the stream, 1 or more; each is fetched by a loop of its own

	// Temporary is for a group that only watches: it starts with new messages, and is gone, with what it has pending,
	// when Run returns. Any other group starts with the oldest message and stays.
	Temporary bool
}

// A Handler processes one message. Its error is the outcome: see the package's documentation. The context carries the
// trace and the baggage of the message, and ends with the handler's timeout. Handlers run concurrently, but never two
// at once for messages of one subject in one consumer.
type Handler func(ctx context.Context, m Message) error

// Handlers are the handlers of a consumer by type of event. A type of another family is ignored; another version of a
// handled type is an error.
type Handlers map[string]Handler

// A Consumer reads a subscription and runs handlers.
type Consumer struct {
	*member
	queue    *queue
	outage   *outage
	ackers   []*acker   // by partition
	claimers []*claimer // by partition
	workers  *workers
}

// A delivery is a message on its way to a handler. The workers read it, because there are many of them and one who
// fetches; until then only its subject is known.
type delivery struct {
	Message
	partition int
	entryID   string
	entry     redis.XMessage
	by        intake
	arrived   time.Time // in the queue
	begun     bool      // a worker has it, or had it during an outage
	started   time.Time
	malformed error // why the entry could not be read

	takenFrom string        // the consumer that the entry was taken over from; "" if there was none
	takenIdle time.Duration // how long that one was not heard of
	attempt   trace.SpanContext
}

// read makes the message of an entry that was delivered so many times, this one included.
func (d *delivery) read() {
	stream, deliveries := d.Stream, d.Deliveries
	d.Message, d.malformed = decode(stream, d.entry)
	d.Deliveries = deliveries
}

// NewConsumer returns a consumer that Run starts. The client must be one that Connect returned and that nothing else
// uses; the consumer does not close it.
func NewConsumer(client redis.UniversalClient, sub Subscription, handlers Handlers, options ...Option) *Consumer {
	m := &member{config: newConfig(options), client: client, sub: sub}
	m.logger = m.logger.With("stream", sub.Stream, "group", sub.Group, "consumer", m.name)
	m.instrumentation = newInstrumentation(m.tracerProvider, m.registerer).consumer(sub, handlers, m.config)
	c := &Consumer{member: m, queue: newQueue(m.config.workers, m.inFlight, sub.Partitions), outage: newOutage(m.logger)}
	register(m.registerer, &waiting{queues: map[*queue]Subscription{}}).add(c.queue, sub)
	quiet := &sync.RWMutex{}
	for partition := range sub.Partitions {
		c.ackers = append(c.ackers, newAcker(m, c.queue, partition))
		c.claimers = append(c.claimers, newClaimer(m, c.queue, c.outage, quiet, partition))
	}
	c.workers = newWorkers(c, handlers)
	return c
}

// Run consumes until ctx ends, whatever happens to Redis in between. Then it takes on no more and waits for the
// handlers that run; after the shutdown timeout it cancels their contexts. What is done it acknowledges; what is not it
// gives back, due at once and without having spent a delivery; and it leaves the group. Run returns nil: what it could
// not do, such as leave a Redis that is away, it logs. Only if the stream has another number of partitions does it return
// that error, a *PartitionsError, without having consumed anything. A consumer runs once.
func (c *Consumer) Run(ctx context.Context) error {
	if err := c.agree(ctx); err != nil {
		return err
	}
	work, cancelWork := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelWork()
	beating, stopBeating := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBeating()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(c.shutdownTimeout, cancelWork) })()

	var intake, working, settling sync.WaitGroup
	for partition := range c.sub.Partitions {
		f := &fetcher{c.member, c.queue, c.outage, c.claimers[partition].quiet, partition}
		h := &heart{c.member, c.queue, partition}
		settling.Go(func() { c.ackers[partition].run(work) })
		settling.Go(func() { h.run(beating) })
		intake.Go(func() { f.run(ctx) })
		intake.Go(func() { c.claimers[partition].run(ctx) })
	}
	if !c.sub.Temporary { // who only watches leaves no trace
		intake.Go(func() { (&janitor{c.member}).run(ctx) })
	}
	for worker := range c.config.workers {
		working.Go(func() { c.workers.run(ctx, work, worker) })
	}
	intake.Wait()

	// What runs is finished, what is finished is settled, and only then is the consumer gone.
	c.queue.close()
	working.Wait()
	for _, a := range c.ackers {
		a.close()
	}
	stopBeating()
	settling.Wait()
	c.leave(c.workers.unfinished)
	return nil
}
