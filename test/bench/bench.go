package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Sizes are how much each row measures.
type Sizes struct {
	Rounds   int
	Messages int           // consumed or published by a row
	OpenLoop time.Duration // of the open loop, after its warm-up
	WarmUp   time.Duration // of a loop of orders
	Orders   time.Duration // of it, after that
	Idle     time.Duration
	Generate time.Duration // of the load test's generator, after its warm-up
	Soak     time.Duration // of it, twice
}

// A Bench has what the rows share. Servers start when the first row needs them.
type Bench struct {
	sizes   Sizes
	dir     string // for everything temporary
	profile string // the folder for profiles, or ""

	clew, generator string // these programs, beside this one

	Round   int               // 0 is the first
	Results map[string]Result // of this round, by row
	row     string            // that is measured

	loadBefore  string
	redisURL    string
	loaded      map[string]bool // streams
	postgresURL string
	prepared    map[Kind]error
	closers     []func()
}

// NewBench makes one, which writes profiles to a folder unless that is "".
func NewBench(sizes Sizes, profile string) (*Bench, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	if profile != "" {
		if err := os.MkdirAll(profile, 0o755); err != nil {
			return nil, fmt.Errorf("make the folder for profiles: %w", err)
		}
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	return &Bench{
		sizes: sizes, dir: dir, profile: profile,
		clew: filepath.Join(filepath.Dir(self), "clew"), generator: filepath.Join(filepath.Dir(self), "generator"),
		loadBefore: LoadAverage(), loaded: map[string]bool{}, prepared: map[Kind]error{},
		closers: []func(){func() { _ = os.RemoveAll(dir) }},
	}, nil
}

// Close stops the servers.
func (b *Bench) Close() {
	for _, closer := range slices.Backward(b.closers) {
		closer()
	}
}

// profileOf is the file for a profile of what runs now, or "".
func (b *Bench) profileOf(name string) string {
	if b.profile == "" || b.Round > 0 {
		return ""
	}
	return filepath.Join(b.profile, name+".pprof")
}

// Machine says what was measured on, and with what.
func (b *Bench) Machine(ctx context.Context) []string {
	return append(Machine(ctx, b.loadBefore, b.postgresURL),
		"Redis of the message rows: on a Unix socket, without persistence; of the orders: of `clew up`.",
		"Postgres waits for the disk (fsync on), and so does SQLite (WAL, synchronous FULL).",
		fmt.Sprintf("Spans queue up to %d, as in production; in consume_sampled_all and publish_sampled_all", productionQueue),
		fmt.Sprintf("up to %d, and their time ends with the export of the last one.", bigQueue),
		fmt.Sprintf("Orders: %d connections, at most %d orders accepted and not finished.", Connections, UnfinishedOrders),
	)
}

// Child is the whole of a child process, and returns its exit code.
func Child(ctx context.Context) int { return Main(ctx, roles()) }

// roles are what a child can be.
func roles() Roles {
	return Roles{
		"floor_consume":   FloorConsume,
		"consume":         runConsume,
		"floor_publish":   FloorPublish,
		"publish":         runPublish,
		"generate":        Generate,
		"floor_open_loop": FloorOpenLoop,
		"open_loop":       runOpenLoop,
		"floor_orders":    FloorOrders,
		"sink":            runSink,
		"noop":            runNoop,
	}
}
