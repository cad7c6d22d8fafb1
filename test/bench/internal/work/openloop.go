package work

import (
	"context"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/messaging"
	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
)

// An open loop adds events when they are due, whether or not those before are handled. The time of a message is when it
// was due, so whatever delays the generator or the consumer is latency.
const (
	OpenLoopRate   = 2000 // events a second
	OpenLoopWarmUp = OpenLoopRate
)

// Generate adds each event when it is due. Its value is by how much it was late, the 99th percentile.
func Generate(ctx context.Context, j child.Job) (report.Result, error) {
	client, err := messaging.Connect(messaging.Redis{URL: j.RedisURL})
	if err != nil {
		return report.Result{}, err
	}
	defer client.Close()
	messages, err := NewMessages(j.Stream, j.Messages, 10)
	if err != nil {
		return report.Result{}, err
	}
	runtime.LockOSThread() // it sleeps in the kernel
	debug.SetGCPercent(-1) // it lives for seconds, and a collection would make it late
	key := messaging.StreamKey(j.Stream, 0)
	late := make([]time.Duration, len(messages))
	start := time.Now().Add(100 * time.Millisecond)
	for i, m := range messages {
		due := start.Add(time.Duration(i) * time.Second / OpenLoopRate)
		m.Time = due
		fields := FieldsOf(m)
		sleepUntil(due)
		late[i] = time.Since(due)
		if err := client.XAdd(ctx, &redis.XAddArgs{Stream: key, Values: fields}).Err(); err != nil {
			return report.Result{}, err
		}
	}
	return report.Result{Value: percentile(late, 99)}, nil
}

// spin is how long a sleeper stays awake before it is due, because the kernel wakes it late.
const spin = 60 * time.Microsecond

func sleepUntil(due time.Time) {
	if d := time.Until(due) - spin; d > 0 {
		sleep(d)
	}
	for time.Now().Before(due) {
	}
}

// Latencies are from due to handled, but for those of the warm-up.
type Latencies struct {
	n       atomic.Int64
	elapsed []time.Duration
	All     chan struct{}
}

// NewLatencies are of so many messages, those of the warm-up among them. All is closed with the last.
func NewLatencies(messages int) *Latencies {
	return &Latencies{elapsed: make([]time.Duration, messages), All: make(chan struct{})}
}

// Add adds one.
func (l *Latencies) Add(d time.Duration) {
	n := int(l.n.Add(1))
	if n <= len(l.elapsed) {
		l.elapsed[n-1] = d
	}
	if n == len(l.elapsed) {
		close(l.All)
	}
}

// Count is how many were added.
func (l *Latencies) Count() int64 { return l.n.Load() }

// Result tells their percentiles, once all are there.
func (l *Latencies) Result() report.Result {
	counted := l.elapsed[OpenLoopWarmUp:]
	return report.Result{
		Value: percentile(counted, 99), Allocs: report.Unknown, Exported: report.Unknown, Dropped: report.Unknown,
		Extras: map[string]float64{"ms p50": percentile(counted, 50)},
	}
}

// percentile returns milliseconds, and sorts.
func percentile(durations []time.Duration, p int) float64 {
	slices.Sort(durations)
	return float64(durations[(len(durations)-1)*p/100].Nanoseconds()) / 1e6
}
