package run

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"

	"example.com/clew/loadtest/internal/live"
	"example.com/clew/loadtest/internal/metrics"
	"example.com/clew/loadtest/internal/redistest"
	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/scenario"
	"example.com/clew/loadtest/internal/target"
)

func TestMain(m *testing.M) {
	logging.Disable()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(int) { http.DefaultClient.CloseIdleConnections() }))
}

// A fake is an order API whose every delay and failure the test decides, and which tells the streams what the test says.
type fake struct {
	t      *testing.T
	redis  *redistest.Server
	server *httptest.Server
	number atomic.Int64

	answer func(n int64, sku string) (status int) // waits as long as the nth order is to take
	events func(id string) [][3]string            // stream, type and event id that follow an order

	mu   sync.Mutex
	took map[int64]float64 // seconds, by the number of the order
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{
		t: t, redis: redistest.Start(t), took: map[int64]float64{},
		answer: func(int64, string) int { return http.StatusCreated },
		events: func(id string) [][3]string {
			return [][3]string{{"orders", "order.created.v1", id + "-1"}, {"stock", "stock.reserved.v1", id + "-2"}, {"orders", "order.confirmed.v1", id + "-3"}}
		},
	}
	for stream, group := range map[string]string{"orders": "inventory", "stock": "order"} {
		if err := f.redis.Client.XGroupCreateMkStream(t.Context(), stream+":{0}", group, "0").Err(); err != nil {
			t.Fatal(err)
		}
	}
	f.server = httptest.NewServer(http.HandlerFunc(f.place))
	t.Cleanup(f.server.Close)
	return f
}

func (f *fake) place(w http.ResponseWriter, r *http.Request) {
	begun, n := time.Now(), f.number.Add(1)-1
	defer func() { // the answer is sent when this function has returned
		f.mu.Lock()
		defer f.mu.Unlock()
		f.took[n] = time.Since(begun).Seconds()
	}()
	body, _ := io.ReadAll(r.Body)
	_, sku, _ := strings.Cut(string(body), `"sku":"`)
	sku, _, _ = strings.Cut(sku, `"`)
	status := f.answer(n, sku)
	id := fmt.Sprintf("0199c0de-7a1b-7cde-8f01-%012x", n)
	w.WriteHeader(status)
	if status != http.StatusCreated {
		return
	}
	fmt.Fprintf(w, `{"id": %q, "trace_id": "%032x"}`, id, n+1)
	for _, e := range f.events(id) {
		key := e[0] + ":{0}"
		err := f.redis.Client.XAdd(context.Background(), &redis.XAddArgs{Stream: key, Values: []string{
			"specversion", "1.0", "id", e[2], "source", "/order", "type", e[1], "subject", id,
			"time", time.Now().UTC().Format(time.RFC3339Nano), "datacontenttype", "application/json",
			"data", fmt.Sprintf(`{"order_id":%q,"items":[{"sku":%q,"quantity":1}]}`, id, sku),
		}}).Err()
		if err != nil {
			f.t.Error(err)
		}
	}
	for stream, group := range map[string]string{"orders": "inventory", "stock": "order"} { // all is processed
		f.redis.Client.XGroupSetID(context.Background(), stream+":{0}", group, "$")
	}
}

// run puts a steady load on the fake.
func (f *fake) run(rate float64, duration time.Duration) result.Result {
	f.t.Helper()
	r, err := f.do(f.t.Context(), rate, duration)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// do offers until ctx ends.
func (f *fake) do(ctx context.Context, rate float64, duration time.Duration) (result.Result, error) {
	f.t.Helper()
	return f.doShard(ctx, rate, duration, scenario.Shard{}, time.Time{})
}

func (f *fake) doShard(
	ctx context.Context, rate float64, duration time.Duration, shard scenario.Shard, start time.Time,
) (result.Result, error) {
	f.t.Helper()
	s, err := scenario.Load("smoke")
	if err == nil {
		s, err = s.With(scenario.Override{
			Rate: &rate, Duration: &duration, Thresholds: []string{"http_p99<60s", "e2e_p99<60s"}, // a busy machine may take long
		})
	}
	if err != nil {
		f.t.Fatal(err)
	}
	inFlight := &atomic.Int64{}
	return Do(ctx, f.t.Context(), Config{
		Scenario: s, Shard: shard, Start: start, Target: target.Target{Order: f.server.URL, Partitions: 1}, Redis: f.redis.Client, InFlight: inFlight, Tracer: noop.NewTracerProvider().Tracer(""),
		Metrics: metrics.New(func() int { return int(inFlight.Load()) }),
		Show:    func(context.Context, func() live.Snapshot) {},
	})
}

// What is measured is what the server did, from when each request was due.
func TestPercentilesAreTheTruth(t *testing.T) {
	f := newFake(t)
	f.answer = func(n int64, _ string) int {
		time.Sleep(100*time.Millisecond + time.Duration(n*37%200)*time.Millisecond)
		return http.StatusCreated
	}
	r := f.run(100, 4*time.Second)
	f.mu.Lock()
	defer f.mu.Unlock()
	var took []float64 // 100 to 299 ms, each as often, and what a busy machine added
	for n, seconds := range f.took {
		if n >= 40 { // those before were due in the warm-up
			took = append(took, seconds)
		}
	}
	slices.Sort(took)
	for share, got := range map[int]float64{
		50: r.Latencies[result.HTTP].P50, 90: r.Latencies[result.HTTP].P90, 99: r.Latencies[result.HTTP].P99,
	} {
		// Besides, 10 ms for the way to the server and back, and what the generator itself was late by.
		if want := took[len(took)*share/100]; math.Abs(got-want) > 0.01*want+0.01+r.Latencies[result.DueToSent].P99 {
			t.Errorf("p%d is %.4f s, want %.4f", share, got, want)
		}
	}
	if got := r.Latencies[result.HTTP].Count; got != 360 || r.Totals.Confirmed != 400 || r.Totals.Lost+r.Totals.Duplicated != 0 {
		t.Errorf("%d answers, totals %+v", got, r.Totals)
	}
}

// A server that stands still for 2 s makes everybody wait who came meanwhile, and not just the one who was being served: that
// a generator which waits for its answers never sees.
func TestAServerThatStandsStillIsSeen(t *testing.T) {
	f := newFake(t)
	var frozen sync.RWMutex
	go func() {
		for f.number.Load() < 100 {
			time.Sleep(time.Millisecond)
		}
		frozen.Lock()
		defer frozen.Unlock()
		time.Sleep(2 * time.Second)
	}()
	f.answer = func(int64, string) int {
		frozen.RLock()
		defer frozen.RUnlock()
		return http.StatusCreated
	}
	r := f.run(100, 5*time.Second)
	values, err := r.Latencies[result.HTTP].Decode()
	if err != nil {
		t.Fatal(err)
	}
	slow := int64(0)
	for _, bar := range values.Distribution() {
		if bar.To > time.Second.Microseconds() {
			slow += bar.Count
		}
	}
	if slow < 80 || r.Latencies[result.HTTP].Max < 1.9 {
		t.Errorf("%d answers took over 1 s, want about 100; at most %.2f s", slow, r.Latencies[result.HTTP].Max)
	}
	if got := r.Latencies[result.DueToSent].P50; got > 0.1 {
		t.Errorf("the generator itself was late by %.3f s: it must not wait for answers", got)
	}
}

func TestFailuresLossesAndDuplicatesAreFound(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer = func(n int64, _ string) int {
		if n%10 == 9 {
			return http.StatusServiceUnavailable
		}
		return http.StatusCreated
	}
	usual := f.events
	var lost, twice atomic.Int64
	f.events = func(id string) [][3]string {
		all := usual(id)
		switch {
		case strings.HasSuffix(id, "10"): // every 256th, the first in the warm-up
			lost.Add(1)
			return all[:1]
		case strings.HasSuffix(id, "11"):
			twice.Add(1)
			return append(all, [3]string{"orders", "order.confirmed.v1", id + "-another"})
		}
		return all
	}
	r := f.run(200, 3*time.Second)
	if r.Totals.Lost != int(lost.Load()) || r.Totals.Duplicated != int(twice.Load()) || lost.Load() != 3 || len(r.Totals.Examples) == 0 {
		t.Errorf("totals %+v, want %d lost and %d duplicated", r.Totals, lost.Load(), twice.Load())
	}
	if refused := r.Totals.Errors["503"]; refused < 50 || refused != 540-(r.Totals.Accepted-r.Totals.WarmUp) || r.Totals.Accepted != 540 {
		t.Errorf("%d refused, %+v, want a tenth of 540, and nine tenths of 600 accepted", refused, r.Totals)
	}
	failed := []string{}
	for _, threshold := range r.Thresholds {
		if !threshold.Holds {
			failed = append(failed, threshold.Metric)
		}
	}
	slices.Sort(failed)
	if r.Verdict == result.Passed || strings.Join(failed, " ") != "duplicates http_error_rate lost" {
		t.Errorf("%s because of %q", r.Verdict, failed)
	}
}

func TestATargetThatAcceptsNothingIsNotJudged(t *testing.T) {
	f := newFake(t)
	f.server.Close()
	r := f.run(20, time.Second)
	if r.Verdict != result.NotJudged || !strings.Contains(r.Reason, "connection refused") {
		t.Errorf("%s: %s", r.Verdict, r.Reason)
	}
}

// A shard has its part of the orders, and one that begins late leaves out what was due before, which the others have offered
// without it.
func TestShardsBeginTogether(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		start   time.Duration // from now
		late    bool
		verdict string
	}{
		"in time": {5 * time.Second, false, result.Passed},
		"late":    {-time.Second, true, result.NotJudged},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			start := time.Now().Add(test.start)
			r, err := f.doShard(t.Context(), 100, 2*time.Second, scenario.Shard{Number: 2, Of: 4}, start)
			if err != nil {
				t.Fatal(err)
			}
			scheduled, shard := 0, r.Shards[0]
			for _, s := range r.Seconds {
				scheduled += s.Scheduled
			}
			if scheduled != 50 || shard.Sent+shard.NotOffered != 50 || shard.Accepted != shard.Sent || shard.Finished != shard.Sent || !r.Started.Equal(start) {
				t.Errorf("%d scheduled from %s, %+v, want a quarter of 200 from %s", scheduled, r.Started, shard, start)
			}
			if late := shard.Late > 0; late != test.late || late != (shard.NotOffered > 0) || late != strings.Contains(r.Reason, "late: what was due before was not offered") {
				t.Errorf("%s: %+v", r.Reason, shard)
			}
			if r.Verdict != test.verdict && !strings.Contains(r.Reason, "could not keep up") {
				t.Errorf("%s: %s, want %s", r.Verdict, r.Reason, test.verdict)
			}
		})
	}
}

func TestARunThatIsInterruptedBeforeItBegins(t *testing.T) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := f.doShard(ctx, 100, time.Second, scenario.Shard{Number: 1, Of: 2}, time.Now().Add(time.Hour))
	if err == nil || r.Version != 0 || !strings.Contains(err.Error(), "interrupted before the run began") {
		t.Errorf("%v, %+v", err, r)
	}
}
