package messaging_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

// BenchmarkSample looks at 64 partitions with two groups each, of which each has a lag of 1 000 and more, at a round trip
// of 1 ms. Everything was trimmed before, so that Redis's own lag says nothing.
func BenchmarkSample(b *testing.B) {
	const partitions = 64
	url := messagingtest.Redis(b)
	direct := messagingtest.Client(b, url)
	distant := messagingtest.Client(b, "redis://"+delayed(b, strings.TrimPrefix(url, "unix://"), time.Millisecond))
	fill := redis.NewScript(`
		for g = 1, 2 do redis.pcall('XGROUP', 'CREATE', KEYS[1], 'group-' .. g, '0', 'MKSTREAM') end
		for i = 1, ARGV[1] do
			local fields = {}
			for f = 1, 20 do
				fields[2 * f - 1] = 'field' .. f
				fields[2 * f] = string.rep('x', 40)
			end
			redis.call('XADD', KEYS[1], '*', unpack(fields))
		end
		return 1`)
	each := func(do func(key string) error) {
		for partition := range partitions {
			if err := do(messaging.StreamKey("notes", partition)); err != nil {
				b.Fatal(err)
			}
		}
	}
	add := func(n int) {
		each(func(key string) error { return fill.Run(b.Context(), direct, []string{key}, n).Err() })
	}
	inspect := func(in messaging.Inspector) []messaging.StreamInfo {
		infos, err := in.Inspect(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		return infos
	}
	measure := func(in func() messaging.Inspector) func(*testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				inspect(in())
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/sample")
		}
	}

	running := messaging.NewInspector(distant, "notes", partitions)
	add(200)
	each(func(key string) error { return direct.XTrimMaxLen(b.Context(), key, 150).Err() })
	inspect(running)
	for range 30 {
		add(40)
		inspect(running)
	}
	each(func(key string) error {
		for _, group := range []string{"group-1", "group-2"} {
			if err := direct.XReadGroup(b.Context(), &redis.XReadGroupArgs{
				Group: group, Consumer: "c", Streams: []string{key, ">"}, Count: 200,
			}).Err(); err != nil {
				return err
			}
		}
		return nil
	})
	b.Run("lag known from earlier looks", measure(func() messaging.Inspector { return running }))
	b.Run("first look", measure(func() messaging.Inspector { return messaging.NewInspector(distant, "notes", partitions) }))
}

// delayed forwards connections to a Unix socket, and what they send after a while. It returns its address.
func delayed(b *testing.B, socket string, by time.Duration) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = listener.Close() })
	type chunk struct {
		due  time.Time
		data []byte
	}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", socket)
			if err != nil {
				_ = near.Close()
				continue
			}
			go func() { _, _ = io.Copy(near, far) }()
			chunks := make(chan chunk, 1000)
			go func() {
				defer close(chunks)
				for {
					data := make([]byte, 64<<10)
					n, err := near.Read(data)
					if err != nil {
						return
					}
					chunks <- chunk{time.Now().Add(by), data[:n]}
				}
			}()
			go func() {
				for c := range chunks {
					time.Sleep(time.Until(c.due))
					if _, err := far.Write(c.data); err != nil {
						return
					}
				}
				_ = far.Close()
			}()
		}
	}()
	return listener.Addr().String()
}
