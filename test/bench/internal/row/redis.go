package row

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/test/bench/internal/work"
)

// The streams that are consumed again and again, each time by a new group.
const (
	streamSampled     = "bench-sampled"     // each message belongs to a sampled trace
	streamTenth       = "bench-tenth"       // one in ten does
	streamPartitioned = "bench-partitioned" // as the first, in many partitions
	streamFew         = "bench-few"         // as the first, in few partitions
)

// toConsume tells how they are loaded.
var toConsume = map[string]struct{ oneIn, partitions int }{
	streamSampled: {1, 1}, streamTenth: {10, 1}, streamPartitioned: {1, 64}, streamFew: {1, 8},
}

// redis is the URL of a Redis of bench's own, on a Unix socket and without persistence, in which the stream is loaded
// if it is one of those that are consumed.
func (b *Bench) redis(ctx context.Context, stream string) (string, error) {
	if b.redisURL == "" {
		url, stop, err := messagingtest.StartRedis()
		if err != nil {
			return "", err
		}
		b.closers = append(b.closers, stop)
		if err := sameEntry(ctx, url); err != nil {
			return "", err
		}
		b.redisURL = url
	}
	load, ok := toConsume[stream]
	if !ok || b.loaded[stream] {
		return b.redisURL, nil
	}
	client, err := messaging.Connect(messaging.Redis{URL: b.redisURL})
	if err != nil {
		return "", err
	}
	defer client.Close()
	messages, err := work.NewMessages(stream, b.sizes.Messages, load.oneIn)
	if err == nil {
		err = work.Publish(ctx, messaging.New(client, messaging.Config{Partitions: load.partitions}).Publisher(), messages, len(messages))
	}
	if err != nil {
		return "", fmt.Errorf("load stream %s: %w", stream, err)
	}
	b.loaded[stream] = true
	return b.redisURL, nil
}

// sameEntry fails if a floor's entry is not what our publisher writes.
func sameEntry(ctx context.Context, redisURL string) error {
	client, err := messaging.Connect(messaging.Redis{URL: redisURL})
	if err != nil {
		return err
	}
	defer client.Close()
	const stream = "bench-entries"
	m, err := work.NewMessage(stream, true)
	if err != nil {
		return err
	}
	key := messaging.StreamKey(stream, 0)
	if err := errors.Join(messaging.New(client, messaging.Config{}).Publisher().Publish(ctx, m)...); err != nil {
		return err
	}
	if err := client.XAdd(ctx, &redis.XAddArgs{Stream: key, Values: work.FieldsOf(m)}).Err(); err != nil {
		return err
	}
	entries, err := client.Do(ctx, "XRANGE", key, "-", "+").Slice() // XRange would lose the fields' order
	if err != nil {
		return err
	}
	ours, floor := entries[0].([]any)[1], entries[1].([]any)[1]
	if !reflect.DeepEqual(ours, floor) {
		return fmt.Errorf("the floor does not write what our publisher writes:\n%v\n%v", floor, ours)
	}
	return client.Del(ctx, key).Err()
}
