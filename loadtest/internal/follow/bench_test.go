package follow_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/loadtest/internal/follow"
)

// BenchmarkFollow reads the three entries of each of 10 000 confirmed orders, with their acceptance, beside a loop that
// only reads them. Redis needs a core of its own: run it with -cpu 1 for what one core of this program does.
func BenchmarkFollow(b *testing.B) {
	const orders = 10_000
	s := newSystem(b, 1)
	ids := make([]string, orders)
	var bare, followed time.Duration
	for b.Loop() {
		var ended atomic.Int64
		all := make(chan struct{})
		f, err := follow.New(b.Context(), follow.Config{Redis: s.Client, Partitions: 1, OnEnd: func(follow.End) {
			if ended.Add(1) == orders {
				close(all)
			}
		}})
		if err != nil {
			b.Fatal(err)
		}
		keys, after := []string{key("stock", 0), key("orders", 0)}, []string{"0-0", "0-0"}
		for i, key := range keys {
			after[i] = s.Client.XInfoStream(b.Context(), key).Val().LastGeneratedID
		}
		for i := range ids {
			ids[i] = newOrderID()
		}
		for few := range slices.Chunk(ids, 100) {
			s.tellAll(few, created(), reserved("r", 3), confirmed("c"))
		}
		s.work()

		started := time.Now()
		for left := 3 * orders; left > 0; {
			streams, err := s.Client.XRead(b.Context(), &redis.XReadArgs{
				Streams: slices.Concat(keys, after), Count: 1000, Block: -1,
			}).Result()
			if err != nil {
				b.Fatal(err)
			}
			for _, stream := range streams {
				left -= len(stream.Messages)
				after[slices.Index(keys, stream.Stream)] = stream.Messages[len(stream.Messages)-1].ID
			}
		}
		bare += time.Since(started)

		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan error)
		started = time.Now()
		go func() { done <- f.Run(ctx) }()
		for _, id := range ids {
			f.Accepted(follow.Order{ID: id, SKU: "load-001", Units: 3, Due: started})
		}
		<-all
		followed += time.Since(started)
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*3*orders/followed.Seconds(), "entries/s")
	b.ReportMetric(float64(b.N)*3*orders/bare.Seconds(), "bare-entries/s")
	b.ReportMetric(bare.Seconds()/followed.Seconds(), "ratio")
}
