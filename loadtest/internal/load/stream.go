package load

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

const (
	streamKey = "orders:{%d}" // the key of a partition
	ping      = "test.ping.v1"

	batch    = 500 // events that are added at once, at most
	flushers = 4   // batches under way at a time
)

// Stream adds an event for each arrival. Consumers handle it by doing nothing, so the rate that they reach is the speed of the
// streams. It is safe for concurrent use.
type Stream struct {
	client     redis.UniversalClient
	partitions int
	answered   func(Arrival, Answer)
	queue      chan Arrival
	adding     sync.WaitGroup
}

// NewStream returns a sender to the stream of orders, which calls answered with each answer, from several goroutines. The
// client must not retry, because a retried command adds an event twice. Send blocks while more than capacity arrivals
// wait.
func NewStream(client redis.UniversalClient, partitions, capacity int, answered func(Arrival, Answer)) *Stream {
	s := &Stream{client: client, partitions: partitions, answered: answered, queue: make(chan Arrival, capacity)}
	for range flushers {
		s.adding.Go(s.flush)
	}
	return s
}

// Send adds an event and does not wait for Redis.
func (s *Stream) Send(_ context.Context, a Arrival) { s.queue <- a }

// Wait blocks until everything was added. Nothing may be sent afterwards.
func (s *Stream) Wait() {
	close(s.queue)
	s.adding.Wait()
}

func (s *Stream) flush() {
	for first := range s.queue {
		arrivals := []Arrival{first}
		for len(arrivals) < batch {
			select {
			case a, more := <-s.queue:
				if !more {
					s.add(arrivals)
					return
				}
				arrivals = append(arrivals, a)
				continue
			default:
			}
			break
		}
		s.add(arrivals)
	}
}

// add adds events in one round trip, even if the run was interrupted meanwhile: everything that was sent gets an answer.
func (s *Stream) add(arrivals []Arrival) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	answer := Answer{Sent: time.Now()}
	commands, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for range arrivals {
			id, err := uuid.NewV7()
			if err != nil {
				return err
			}
			pipe.XAdd(ctx, s.event(id.String(), answer.Sent))
		}
		return nil
	})
	answer.Done = time.Now()
	for i, a := range arrivals {
		answer.Problem = ""
		switch {
		case len(commands) != len(arrivals):
			answer.Problem = kindOf(err)
		case commands[i].Err() != nil:
			answer.Problem = refusal(commands[i].Err())
		}
		s.answered(a, answer)
	}
}

// event has the fields of a message: attributes of CloudEvents, and no trace context, so that consumers begin traces of
// their own if they sample any.
func (s *Stream) event(id string, now time.Time) *redis.XAddArgs {
	return &redis.XAddArgs{
		Stream: fmt.Sprintf(streamKey, partition(id, s.partitions)),
		Values: []string{
			"specversion", "1.0", "id", id, "source", "/loadtest", "type", ping, "subject", id,
			"time", now.UTC().Format(time.RFC3339Nano), "datacontenttype", "application/json", "data", "{}",
		},
	}
}

// partition returns the partition of a subject: its 32-bit FNV-1a hash modulo the number of partitions.
func partition(subject string, partitions int) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(subject)) // never fails
	return int(hash.Sum32() % uint32(partitions))
}

// refusal returns the first word of an error of Redis, such as OOM or READONLY, and kindOf any other error.
func refusal(err error) string {
	var said redis.Error
	if errors.As(err, &said) {
		var word string
		_, _ = fmt.Sscan(said.Error(), &word)
		return word
	}
	return kindOf(err)
}
