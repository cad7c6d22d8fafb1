package messaging

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"
)

// A Publisher adds messages to streams. It is safe for concurrent use.
type Publisher struct {
	config
	client          redis.UniversalClient
	partitions      int
	agreed          sync.Map // streams whose number of partitions is known to be that
	instrumentation publisherInstrumentation
}

// NewPublisher returns a publisher to streams of so many partitions, 1 or more. The client must be one of Connect, or
// like it repeat no command. The publisher does not close it.
func NewPublisher(client redis.UniversalClient, partitions int, options ...Option) *Publisher {
	c := newConfig(options)
	return &Publisher{
		config: c, client: client, partitions: partitions,
		instrumentation: newInstrumentation(client, c.tracerProvider, c.registerer).publisher(c.events),
	}
}

// Publish adds the messages in one pipeline and blocks until Redis has answered or ctx's deadline has passed. It
// returns an error for each message, nil for one that was added. An error that IsPermanent is the message's own;
// after any other the message may or may not be on its stream, and adding it again makes at worst a second copy, which
// receivers recognise by its id.
//
// Before the first message to a stream it makes sure of the number of partitions: see AgreePartitions.
//
// The messages keep the creation context that they carry, unless they are to travel without.
func (p *Publisher) Publish(ctx context.Context, messages ...Message) []error {
	errs := make([]error, len(messages))
	commands := make([]*redis.StringCmd, len(messages))
	spans := make([]trace.Span, len(messages))
	refused := p.agree(ctx, messages)
	pipeline := p.client.Pipeline()
	started := time.Now()
	for i, m := range messages {
		partition := partitionOf(m.Subject, p.partitions)
		mctx := m.Headers.extract(ctx)
		fields, err := encode(m, p.propagates(mctx))
		spans[i] = p.instrumentation.startSend(mctx, m, partition, err == nil)
		if err != nil {
			errs[i] = Permanent(err)
			continue
		}
		if errs[i] = refused[m.Stream]; errs[i] != nil {
			continue
		}
		commands[i] = pipeline.XAdd(ctx, &redis.XAddArgs{Stream: StreamKey(m.Stream, partition), Values: fields})
	}
	_, _ = pipeline.Exec(ctx) // each command has its own error
	elapsed := time.Since(started).Seconds()
	for i, m := range messages {
		entryID := ""
		if command := commands[i]; command != nil {
			entryID, errs[i] = command.Result()
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("publish %s to %s: %w", m.Type, m.Stream, errs[i])
		}
		p.instrumentation.endSend(spans[i], m, entryID, errs[i])
		p.instrumentation.operationOf.of(m.Stream).Observe(elapsed)
	}
	return errs
}

// agree returns an error for each of the messages' streams whose number of partitions is another, or not known yet.
func (p *Publisher) agree(ctx context.Context, messages []Message) map[string]error {
	refused := map[string]error{}
	for _, m := range messages {
		if _, agreed := p.agreed.Load(m.Stream); agreed || refused[m.Stream] != nil {
			continue
		}
		if err := AgreePartitions(ctx, p.client, m.Stream, p.partitions); err != nil {
			refused[m.Stream] = err
		} else {
			p.agreed.Store(m.Stream, nil)
		}
	}
	return refused
}

// propagates tells whether a message carries its trace context.
func (p *Publisher) propagates(ctx context.Context) bool {
	return p.propagation && (!p.testMode || baggage.FromContext(ctx).Member("clew.propagation").Value() != "off")
}
