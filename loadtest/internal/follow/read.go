package follow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	block      = 250 * time.Millisecond // an end of the context is noticed after it
	readAtOnce = 1000                   // entries of each stream
	retryAfter = 100 * time.Millisecond // while Redis is away

	// Without a pause each event wakes this program and Redis: at 1000 orders a second that takes a fifth of a core from the
	// measured system. Nothing is lost: times are those of the entries.
	pause = 10 * time.Millisecond
)

// A path is a stream and the group that processes it for orders. Other groups only listen: with an abandoned one a run would
// never end.
type path struct{ stream, group string }

func (p path) key(partition int) string { return fmt.Sprintf("%s:{%d}", p.stream, partition) }

func paths() []path { return []path{{"orders", "inventory"}, {"stock", "order"}} }

// partition is how far one partition of all streams has been read. Its keys share a hash tag, so that one XREAD may name
// them all in a cluster too.
type partition struct {
	keys, after []string
	read        time.Time // time at which everything had been read
	err         error     // of the last read; guarded by Follower.mu
}

// stand returns a partition as read up to its present end. Dead letters are read first: then one reply has the events of an order
// that was dead-lettered and redriven in their order.
func (f *Follower) stand(ctx context.Context, number int) (*partition, error) {
	p := &partition{read: time.Now()}
	for _, path := range paths() {
		p.keys = append(p.keys, path.key(number)+":dlq")
	}
	if !f.config.Pings {
		for _, path := range paths() {
			p.keys = append(p.keys, path.key(number))
		}
	}
	for _, key := range p.keys {
		info, err := f.config.Redis.XInfoStream(ctx, key).Result()
		switch {
		case isNoStream(err) && strings.HasSuffix(key, ":dlq"): // it comes with the first dead letter
			info = &redis.XInfoStream{LastGeneratedID: "0-0"}
		case err != nil:
			return nil, notThere(key, err)
		}
		p.after = append(p.after, info.LastGeneratedID)
	}
	return p, nil
}

// follow reads a partition until ctx ends.
func (f *Follower) follow(ctx context.Context, p *partition) error {
	for ctx.Err() == nil {
		wait := pause
		switch n, err := f.read(ctx, p, block); {
		case err != nil:
			wait = retryAfter
		case n >= readAtOnce:
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// catchUp reads all entries that exist, without waiting for more.
func (f *Follower) catchUp(ctx context.Context) error {
	for _, p := range f.parts {
		for {
			n, err := f.read(ctx, p, -1)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
	}
	return nil
}

// read reads the next entries of a partition, and returns their number. It waits for the first for at most wait, or not at all if
// that is negative.
func (f *Follower) read(ctx context.Context, p *partition, wait time.Duration) (n int, err error) {
	streams, err := f.config.Redis.XRead(ctx, &redis.XReadArgs{
		Streams: slices.Concat(p.keys, p.after), Count: readAtOnce, Block: wait,
	}).Result()
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	f.mu.Lock()
	p.err = nil
	if err != nil && !errors.Is(err, redis.Nil) {
		p.err = fmt.Errorf("read %s: %w", strings.Join(p.keys, ", "), err)
		f.busy = time.Now()
		f.ledger.interrupt()
	}
	f.mu.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	now := time.Now()
	for _, stream := range streams {
		for _, entry := range stream.Messages {
			f.take(stream.Stream, entry.Values, p.when(entry.ID, now))
		}
		n += len(stream.Messages)
		p.after[slices.Index(p.keys, stream.Stream)] = stream.Messages[len(stream.Messages)-1].ID
	}
	if n < readAtOnce {
		p.read = now
	}
	return n, nil
}

// when returns when an entry that was read now had been added. Its id has that to the millisecond, by Redis's clock: if
// that differs from ours, it is still certain that the entry was not there at the read before.
func (p *partition) when(id string, now time.Time) time.Time {
	age := now.Round(0).Sub(added(id)) - time.Millisecond/2 // the id's time is rounded down
	return now.Add(-min(max(age, 0), now.Sub(p.read)))
}

// take adds an entry's event to the ledger.
func (f *Follower) take(key string, entry map[string]any, at time.Time) {
	e := event{order: text(entry, "subject"), id: text(entry, "id"), at: at}
	eventType := text(entry, "type")
	stream, rest, _ := strings.Cut(key, ":")
	if strings.HasSuffix(rest, ":dlq") {
		e.reason = text(entry, "dlqreason")
		f.mu.Lock()
		f.deadLetters[e.reason]++
		f.mu.Unlock()
		if f.config.Pings || !slices.Contains(paths(), path{stream, text(entry, "dlqgroup")}) {
			return // nobody's order, or a listener's dead letter, which does not end it
		}
		e.kind = gaveUp
		switch eventType {
		case "order.created.v1", "stock.reserved.v1", "stock.rejected.v1":
			e.kind = gaveUpOrder
		}
		f.ledger.note(e)
		return
	}
	switch eventType {
	case "order.created.v1":
		e.kind = published
	case "order.confirmed.v1":
		e.kind = confirmed
	case "order.rejected.v1":
		e.kind = rejected
	case "order.cancelled.v1":
		e.kind = cancelled
	case "stock.reserved.v1":
		e.kind, e.units = reserved, units(text(entry, "data"))
	default:
		return
	}
	f.ledger.note(e)
}

func text(entry map[string]any, field string) string {
	text, _ := entry[field].(string)
	return text
}

// units adds up the reserved units of a stock.reserved.v1; 0 if it cannot be read, which then differs from the order's.
func units(data string) (sum int64) {
	var reservation struct {
		Items []struct {
			Quantity int64 `json:"quantity"`
		} `json:"items"`
	}
	if json.Unmarshal([]byte(data), &reservation) != nil {
		return 0
	}
	for _, item := range reservation.Items {
		sum += item.Quantity
	}
	return sum
}
