// Command generator measures the load test's generator alone; `make bench` runs it.
//
// Its argument names a measurement, which it prints as a JSON object. Those that start with bare do the same work without the
// generator.
//
//   - http, bare-http: answers per second of a server that does nothing;
//   - late, bare-late: milliseconds from due to sent, 99th percentile;
//   - stream, bare-stream: events per second added to Redis;
//   - soak: bytes by which the heap grows with each further order.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/loadtest/internal/load"
	"example.com/clew/services/messaging"
)

// input is the input of a measurement.
type input struct {
	url      string // of the server that does nothing
	redis    redis.UniversalClient
	duration time.Duration
}

// figures are the result of a measurement, with the names of bench's results.
type figures struct {
	Value  float64
	Allocs float64            // of an arrival
	Extras map[string]float64 `json:",omitempty"` // by what they are, with the unit
}

func measurements() map[string]func(context.Context, input) (figures, error) {
	return map[string]func(context.Context, input) (figures, error){
		"http": offerHTTP, "bare-http": bareHTTP, "late": offerGently, "bare-late": bareLate,
		"stream": offerStream, "bare-stream": bareStream, "soak": soak,
	}
}

func main() {
	load.TuneRuntime()
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var in input
	flag.StringVar(&in.url, "url", "", "base `URL` of a server that answers POST /orders with 201 and an order")
	flag.DurationVar(&in.duration, "duration", 5*time.Second, "how long, after a warm-up of a second")
	redisURL := flag.String("redis", "redis://127.0.0.1:6379", "`URL` of a Redis without a Clew; orders:{0} and stock:{0} are deleted")
	profile := flag.String("profile", "", "write a CPU profile to this `file`")
	flag.Parse()

	measure, ok := measurements()[flag.Arg(0)]
	if !ok || flag.NArg() != 1 {
		names := strings.Join(slices.Sorted(maps.Keys(measurements())), ", ")
		fmt.Fprintf(os.Stderr, "generator: expected one of %s\n", names)
		return 2
	}
	measured, err := do(ctx, measure, in, *redisURL, *profile)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(measured)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generator:", err)
		return 1
	}
	return 0
}

// do measures with a client of Redis like a load test's, and profiles what is measured unless the file is "".
func do(
	ctx context.Context, measure func(context.Context, input) (figures, error), in input, redisURL, profile string,
) (figures, error) {
	client, err := messaging.Connect(messaging.Redis{URL: redisURL})
	if err != nil {
		return figures{}, fmt.Errorf("-redis: %w", err)
	}
	defer func() { _ = client.Close() }()
	in.redis = client
	if profile != "" {
		file, err := os.Create(profile)
		if err == nil {
			defer func() { _ = file.Close() }()
			err = pprof.StartCPUProfile(file)
		}
		if err != nil {
			return figures{}, fmt.Errorf("-profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	return measure(ctx, in)
}

// used is the resources that this program has used so far.
type used struct {
	mallocs uint64
	cpu     time.Duration
}

func use() used {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // it can't fail
	return used{stats.Mallocs, time.Duration(usage.Utime.Nano() + usage.Stime.Nano())}
}

// each fills in what each of n arrivals has used since.
func (u used) each(n float64, f *figures) {
	now := use()
	f.Allocs = float64(now.mallocs-u.mallocs) / n
	f.Extras = map[string]float64{"µs of processor time each": float64((now.cpu - u.cpu).Microseconds()) / n}
}
