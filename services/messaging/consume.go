package messaging

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	workers     = 16
	maxInFlight = 256 // messages that a consumer holds: delivered to it, handler not ended

	// block is how long a fetch waits for messages. Ending a context does not interrupt it, so a stop may wait as long.
	block = time.Second

	retryFirst, retryMost = 100 * time.Millisecond, 2 * time.Second // between attempts to reach Redis
)

// A Subscription is what a consumer reads: one stream, as a member of one group.
type Subscription struct {
	Stream     string
	Group      string
	Partitions int // of the stream, 1 or more; each has a fetch loop of its own

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
	client          redis.UniversalClient
	sub             Subscription
	handlers        Handlers
	families        map[string]bool // of the handled types
	name            string
	logger          *slog.Logger
	handlerTimeout  time.Duration
	shutdownTimeout time.Duration
	instrumentation *consumerInstrumentation
	queue           *queue
}

// A delivery is a message on its way to a handler.
type delivery struct {
	Message
	partition int
	entryID   string
	count     int64 // how often the entry was delivered to the group, this time included
	started   time.Time
	malformed error // why the entry could not be read
}

// NewConsumer returns a consumer that Run starts. The client must be one that Connect returned and that nothing else
// uses; the consumer does not close it.
func NewConsumer(client redis.UniversalClient, sub Subscription, handlers Handlers, options ...Option) *Consumer {
	c := newConfig(options)
	families := map[string]bool{}
	for eventType := range handlers {
		families[family(eventType)] = true
	}
	return &Consumer{
		client: client, sub: sub, handlers: handlers, families: families, name: c.name,
		logger:         c.logger.With("stream", sub.Stream, "group", sub.Group, "consumer", c.name),
		handlerTimeout: c.handlerTimeout, shutdownTimeout: c.shutdownTimeout,
		instrumentation: newInstrumentation(c.tracerProvider, c.registerer).consumer(sub, c.name),
		queue:           newQueue(maxInFlight, sub.Partitions),
	}
}

// Run consumes until ctx ends, whatever happens to Redis in between. Then it fetches no more, waits for its handlers,
// after the shutdown timeout cancels their contexts, acknowledges what is done and removes itself from the group if
// nothing of it is pending. It returns nil: what it could not do, such as leave a Redis that is away, it logs. A consumer
// runs once.
func (c *Consumer) Run(ctx context.Context) error {
	work, cancelWork := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelWork()

	ackers := make([]*acker, c.sub.Partitions)
	var fetching, working, acking sync.WaitGroup
	for partition := range ackers {
		ackers[partition] = newAcker(c, partition)
		acking.Go(func() { ackers[partition].run(work) })
	}
	for range workers {
		working.Go(func() { c.work(work, ackers) })
	}
	for partition := range c.sub.Partitions {
		fetching.Go(func() { c.fetch(ctx, partition) })
	}
	fetching.Wait()

	// What was fetched is finished, what is finished is acknowledged, and only then is the consumer gone.
	giveUp := time.AfterFunc(c.shutdownTimeout, cancelWork)
	defer giveUp.Stop()
	c.queue.close()
	working.Wait()
	for _, a := range ackers {
		a.close()
	}
	acking.Wait()
	c.leave()
	return nil
}

// fetch reads one partition until ctx ends. It comes to an end only with ctx: a Redis that is away or has lost its data
// is waited for.
func (c *Consumer) fetch(ctx context.Context, partition int) {
	key, joined, pause := StreamKey(c.sub.Stream, partition), false, retryFirst
	for ctx.Err() == nil {
		var err error
		if !joined {
			err = c.join(ctx, key)
			joined = err == nil
		}
		if joined {
			err = c.fetchOnce(ctx, key, partition)
		}
		if err == nil {
			pause = retryFirst
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if strings.HasPrefix(err.Error(), "NOGROUP") {
			joined = false // somebody deleted the stream or the group
		}
		c.logger.Warn("fetching messages stopped, trying again", "key", key, "error", err, "pause", pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, retryMost)
	}
}

// join makes sure that the stream, the group and this consumer exist.
func (c *Consumer) join(ctx context.Context, key string) error {
	from := "0"
	if c.sub.Temporary {
		from = "$"
	}
	err := c.client.XGroupCreateMkStream(ctx, key, c.sub.Group, from).Err()
	if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return err
	}
	return c.client.XGroupCreateConsumer(ctx, key, c.sub.Group, c.name).Err()
}

// fetchOnce waits for room, asks for as many messages as fit and queues them.
func (c *Consumer) fetchOnce(ctx context.Context, key string, partition int) error {
	room := c.queue.room(ctx, partition)
	if room == 0 {
		return nil
	}
	streams, err := c.client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: c.sub.Group, Consumer: c.name, Streams: []string{key, ">"}, Count: int64(room), Block: block,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil // nothing came in time
	}
	if err != nil {
		return err
	}
	for _, entry := range streams[0].Messages {
		m, err := decode(c.sub.Stream, entry)
		c.queue.push(delivery{Message: m, partition: partition, entryID: entry.ID, count: 1, malformed: err})
	}
	c.instrumentation.consumed.Add(float64(len(streams[0].Messages)))
	return nil
}

// leave removes the consumer from its group where nothing of it is pending, and a temporary group altogether.
func (c *Consumer) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), retryMost)
	defer cancel()
	for partition := range c.sub.Partitions {
		key := StreamKey(c.sub.Stream, partition)
		var err error
		if c.sub.Temporary {
			err = c.client.XGroupDestroy(ctx, key, c.sub.Group).Err()
		} else {
			err = removeConsumer.Run(ctx, c.client, []string{key}, c.sub.Group, c.name).Err()
		}
		if err != nil {
			c.logger.Warn("leaving the group failed", "key", key, "error", err)
		}
	}
}

// entryTime is when Redis added an entry: its id starts with the time in milliseconds.
func entryTime(entryID string) time.Time {
	for i := range entryID {
		if entryID[i] == '-' {
			ms, _ := strconv.ParseInt(entryID[:i], 10, 64)
			return time.UnixMilli(ms)
		}
	}
	return time.Time{}
}
