package messaging

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"
)

const (
	workers     = 16
	maxInFlight = 256 // messages that a consumer holds: delivered to it and not yet settled

	retryFirst, retryMost = 100 * time.Millisecond, 2 * time.Second // between attempts to reach Redis
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
	config
	client          redis.UniversalClient
	sub             Subscription
	handlers        Handlers
	families        map[string]bool // of the handled types
	instrumentation *consumerInstrumentation
	queue           *queue
	outage          *outage

	// quiet is held for reading by whoever is about to add to the queue, and for writing by a suspect that must be
	// alone in it.
	quiet sync.RWMutex

	failed []chan struct{} // by partition, a signal: something waits for its next attempt
	ackers []*acker        // by partition
}

// A delivery is a message on its way to a handler. The workers read it, because there are many of them and one who
// fetches; until then only its subject is known.
type delivery struct {
	Message
	partition int
	entryID   string
	entry     redis.XMessage
	by        intake
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
	c := &Consumer{
		config: newConfig(options), client: client, sub: sub, handlers: handlers, families: map[string]bool{},
		queue: newQueue(maxInFlight, sub.Partitions),
	}
	for eventType := range handlers {
		c.families[family(eventType)] = true
	}
	c.logger = c.logger.With("stream", sub.Stream, "group", sub.Group, "consumer", c.name)
	c.outage = newOutage(c.logger)
	c.instrumentation = newInstrumentation(client, c.tracerProvider, c.registerer).consumer(sub, handlers, c.config)
	for partition := range sub.Partitions {
		c.failed = append(c.failed, make(chan struct{}, 1))
		c.ackers = append(c.ackers, newAcker(c, partition))
	}
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

	var intake, working, settling sync.WaitGroup
	unfinished := &unfinished{ids: make([][]string, c.sub.Partitions)}
	for partition := range c.sub.Partitions {
		settling.Go(func() { c.ackers[partition].run(work) })
		settling.Go(func() { c.heartbeats(beating, partition) })
		intake.Go(func() { c.fetch(ctx, partition) })
		intake.Go(func() { c.claims(ctx, partition) })
	}
	if !c.sub.Temporary { // who only watches leaves no trace
		intake.Go(func() { c.janitor(ctx) })
	}
	for range workers {
		working.Go(func() { c.work(ctx, work, unfinished) })
	}
	intake.Wait()

	// What runs is finished, what is finished is settled, and only then is the consumer gone.
	giveUp := time.AfterFunc(c.shutdownTimeout, cancelWork)
	defer giveUp.Stop()
	c.queue.close()
	working.Wait()
	for _, a := range c.ackers {
		a.close()
	}
	stopBeating()
	settling.Wait()
	c.leave(unfinished)
	return nil
}

// again waits a while after an error of Redis, longer each time, and reports whether ctx goes on.
func (c *Consumer) again(ctx context.Context, what string, pause *time.Duration, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	c.logger.Warn(what+" stopped, trying again", "error", err, "pause", *pause)
	select {
	case <-ctx.Done():
		return false
	case <-time.After(*pause):
	}
	*pause = min(2**pause, retryMost)
	return true
}

// agree waits until it is known how many partitions the stream has, or ctx ends.
func (c *Consumer) agree(ctx context.Context) error {
	for pause := retryFirst; ; {
		err := AgreePartitions(ctx, c.client, c.sub.Stream, c.sub.Partitions)
		if other := (*PartitionsError)(nil); err == nil || errors.As(err, &other) {
			return err
		}
		if !c.again(ctx, "joining the group", &pause, err) {
			return nil
		}
	}
}

// join makes sure that the stream, the group and this consumer exist, and that all agree on the number of partitions,
// which is lost with a Redis that has lost its data.
func (c *Consumer) join(ctx context.Context, partition int) error {
	if err := AgreePartitions(ctx, c.client, c.sub.Stream, c.sub.Partitions); err != nil {
		return err
	}
	key, from := StreamKey(c.sub.Stream, partition), "0"
	if c.sub.Temporary {
		from = "$"
	}
	err := c.client.XGroupCreateMkStream(ctx, key, c.sub.Group, from).Err()
	if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return err
	}
	return c.client.XGroupCreateConsumer(ctx, key, c.sub.Group, c.name).Err()
}

// leave gives back what is unfinished, and removes the consumer from its group where nothing of it is pending; a
// temporary group it removes altogether.
func (c *Consumer) leave(unfinished *unfinished) {
	ctx, cancel := context.WithTimeout(context.Background(), retryMost)
	defer cancel()
	for partition := range c.sub.Partitions {
		key := StreamKey(c.sub.Stream, partition)
		var err error
		if c.sub.Temporary {
			err = c.client.XGroupDestroy(ctx, key, c.sub.Group).Err()
		} else {
			err = errors.Join(
				c.release(ctx, partition, false, unfinished.ids[partition]...),
				removeConsumer.Run(ctx, c.client, []string{key}, c.sub.Group, c.name, 0).Err())
		}
		if err != nil {
			c.logger.Warn("leaving the group failed", "key", key, "error", err)
		}
	}
}

// heartbeats keep what the consumer holds from being taken over.
func (c *Consumer) heartbeats(ctx context.Context, partition int) {
	key := StreamKey(c.sub.Stream, partition)
	beat := time.NewTicker(c.heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		args := withIDs(c.queue.holds(partition), c.sub.Group, c.name)
		err := keepalive.Run(ctx, c.client, []string{key}, args...).Err()
		if err != nil && ctx.Err() == nil && !strings.HasPrefix(err.Error(), "NOGROUP") { // fetch makes a missing group
			c.logger.Warn("a heartbeat failed", "key", key, "error", err)
		}
	}
}

// release hands entries that the consumer owns to the pseudo-consumer retry.
func (c *Consumer) release(ctx context.Context, partition int, spent bool, entryIDs ...string) error {
	if len(entryIDs) == 0 {
		return nil
	}
	args := withIDs(entryIDs, c.sub.Group, c.name, spent)
	key := StreamKey(c.sub.Stream, partition)
	reply, err := release.Run(ctx, c.client, []string{key}, args...).Int64Slice()
	if err != nil {
		return err
	}
	c.lost(key, reply[1])
	return nil
}

// lost counts pending messages that were found to be deleted from the stream.
func (c *Consumer) lost(key string, messages int64) {
	if messages > 0 {
		c.instrumentation.lost.Add(float64(messages))
		c.logger.Error("pending messages were deleted from the stream: they are lost", "key", key, "messages", messages)
	}
}

// withIDs are the arguments of a script that takes entry ids last.
func withIDs(entryIDs []string, args ...any) []any {
	for _, entryID := range entryIDs {
		args = append(args, entryID)
	}
	return args
}
