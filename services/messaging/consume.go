package messaging

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"
)

// A Consumer reads a stream as a member of a group, and runs handlers.
type Consumer struct {
	*member
	queue    *queue
	outage   *outage
	ackers   []*acker   // by partition
	claimers []*claimer // by partition
	workers  *workers
}

// A delivery is a message on its way to a handler. The workers decode it, because there are many of them and one fetcher;
// until then only its subject is known.
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
	takenIdle time.Duration // that consumer's silence
	attempt   trace.SpanContext
}

// read decodes the entry into the message, once: a message is tried again after an outage. Then the entry is given up, because it
// takes more memory than the message.
func (d *delivery) read() {
	if d.ID != "" || d.malformed != nil {
		return
	}
	stream, deliveries := d.Stream, d.Deliveries
	d.Message, d.malformed = decode(stream, d.entry)
	d.Deliveries, d.entry = deliveries, redis.XMessage{}
}

// NewConsumer returns a consumer of a stream; Run starts it. A message whose type has no handler is ignored, unless a
// handler has another version of the type: then it is dead-lettered.
func NewConsumer[S Stream](s *Streams, stream S, config ConsumerConfig, handlers ...Handler[S]) *Consumer {
	types := map[string]handle{}
	for _, h := range handlers {
		types[h.eventType] = h.handle
	}
	return newConsumer(s, stream.Name(), config.withDefaults(s.Partitions), types)
}

func newConsumer(s *Streams, stream string, config ConsumerConfig, handlers map[string]handle) *Consumer {
	m := &member{shared: s.shared, ConsumerConfig: config, stream: stream}
	m.logger = s.Logger.With("stream", stream, "group", m.Group, "consumer", m.Name)
	m.instrumentation = s.instrumentation.consumer(m, handlers)
	c := &Consumer{member: m, queue: newQueue(m.Workers, m.InFlight, m.Partitions), outage: newOutage(m.logger)}
	register(m.Registerer, &waiting{queues: map[*queue]*member{}}).add(c.queue, m)
	quiet := &sync.RWMutex{}
	for partition := range m.Partitions {
		c.ackers = append(c.ackers, newAcker(m, c.queue, partition))
		c.claimers = append(c.claimers, newClaimer(m, c.queue, c.outage, quiet, partition))
	}
	c.workers = newWorkers(c, handlers)
	return c
}

// Run consumes until ctx ends, whatever happens to Redis meanwhile. Then it starts no more handlers, waits for those that run,
// and cancels their contexts after ShutdownTimeout. It acknowledges finished messages, gives the others back, due at once and
// without spending a delivery, and leaves the group. Run returns nil, and logs steps that failed, such as leaving a Redis that
// is away. Its only error is a *PartitionsError, before it has consumed anything. A consumer runs once.
func (c *Consumer) Run(ctx context.Context) error {
	if err := c.awaitAgreement(ctx); err != nil {
		return err
	}
	work, cancelWork := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelWork()
	beating, stopBeating := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBeating()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(c.ShutdownTimeout, cancelWork) })()

	var intake, working, settling sync.WaitGroup
	for partition := range c.Partitions {
		f := &fetcher{c.member, c.queue, c.outage, c.claimers[partition].quiet, partition}
		h := &heart{c.member, c.queue, partition}
		settling.Go(func() { c.ackers[partition].run(work) })
		settling.Go(func() { h.run(beating) })
		intake.Go(func() { f.run(ctx) })
		intake.Go(func() { c.claimers[partition].run(ctx) })
	}
	if !c.Temporary { // a watcher changes nothing
		intake.Go(func() { (&janitor{c.member}).run(ctx) })
	}
	for worker := range c.Workers {
		working.Go(func() { c.workers.run(ctx, work, worker) })
	}
	intake.Wait()

	// Running handlers finish, finished messages are settled, and only then is the consumer gone.
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
