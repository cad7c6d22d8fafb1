package messaging

import (
	"cmp"
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
	*shared
	instrumentation publisherInstrumentation

	mu     sync.Mutex
	agreed map[string]bool // streams whose number of partitions is confirmed
}

// Publisher returns a publisher. types are the types that it will publish: their counters exist from the start, at 0.
func (s *Streams) Publisher(types ...EventType) *Publisher {
	return &Publisher{shared: s.shared, instrumentation: s.instrumentation.publisher(types), agreed: map[string]bool{}}
}

// Publish adds a message of an event to its stream, and blocks as Publisher.Publish does. It is for events that need no
// transaction; package outbox is for all others.
func Publish[S Stream](ctx context.Context, p *Publisher, event Event[S]) error {
	m, err := NewMessage(ctx, event)
	if err != nil {
		return Permanent(err)
	}
	return p.Publish(ctx, m)[0]
}

// Publish adds the messages in one pipeline and blocks until Redis has answered or ctx's deadline has passed. It
// returns an error for each message, nil for one that was added. After an error that IsPermanent, the message is not valid.
// After any other the message may or may not be on its stream: publish it again, with the same id; receivers recognise a
// second copy.
//
// Before the first message to a stream it checks the number of partitions: see Admin.AgreePartitions.
//
// The messages keep their creation context, unless Config.WithoutContext removes it.
func (p *Publisher) Publish(ctx context.Context, messages ...Message) []error {
	errs := make([]error, len(messages))
	commands := make([]*redis.StringCmd, len(messages))
	spans := make([]trace.Span, len(messages))
	partitions := make([]int, len(messages))
	refused := p.agreeAll(ctx, messages)
	pipeline := p.client.Pipeline()
	started := time.Now()
	for i, m := range messages {
		m.Source = cmp.Or(m.Source, p.Source)
		partitions[i] = PartitionOf(m.Subject, p.Partitions)
		mctx := m.Headers.extract(ctx)
		fields, err := encode(m, p.propagates(mctx))
		spans[i] = p.instrumentation.startSend(mctx, m)
		if err != nil {
			errs[i] = Permanent(err)
			continue
		}
		if errs[i] = refused[m.Stream]; errs[i] != nil {
			continue
		}
		commands[i] = pipeline.XAdd(ctx, &redis.XAddArgs{Stream: StreamKey(m.Stream, partitions[i]), Values: fields})
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
		p.instrumentation.endSend(spans[i], m, started, partitions[i], entryID, errs[i])
		p.instrumentation.sendOf.Of(m.Stream).duration.Observe(elapsed)
	}
	return errs
}

// agreeAll returns an error for each of the messages' streams whose number of partitions is another or could not be checked.
func (p *Publisher) agreeAll(ctx context.Context, messages []Message) map[string]error {
	refused := map[string]error{}
	for _, m := range messages {
		if p.isAgreed(m.Stream) || refused[m.Stream] != nil {
			continue
		}
		if err := p.agree(ctx, m.Stream); err != nil {
			refused[m.Stream] = err
			continue
		}
		p.mu.Lock()
		p.agreed[m.Stream] = true
		p.mu.Unlock()
	}
	return refused
}

func (p *Publisher) isAgreed(stream string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.agreed[stream]
}

// propagates reports whether a message is sent with its trace context.
func (p *Publisher) propagates(ctx context.Context) bool {
	return !p.WithoutContext && (!p.TestMode || baggage.FromContext(ctx).Member("clew.propagation").Value() != "off")
}
