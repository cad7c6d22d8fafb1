// Package row has what bench measures: the rows of its table. Each runs in processes of its own: children of this program, the
// processes of `make up`, the load test's generator, or the program peers.
package row

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/floor"
	"example.com/clew/test/bench/internal/growth"
	"example.com/clew/test/bench/internal/report"
	"example.com/clew/test/bench/internal/work"
)

// Sizes are how much each row measures.
type Sizes struct {
	Rounds   int
	Messages int           // consumed or published by a row
	Peers    int           // by another library, which takes longer
	OpenLoop time.Duration // of the open loop, after its warm-up
	WarmUp   time.Duration // of a loop of orders
	Orders   time.Duration // of it, after that
	Idle     time.Duration
	Generate time.Duration // of the load test's generator, after its warm-up
	Soak     time.Duration // of it, twice
	Backlog  int           // the longest that an operation meets
}

// A Bench has what the rows share. Servers start when the first row needs them.
type Bench struct {
	sizes   Sizes
	dir     string // for everything temporary
	profile string // the folder for profiles, or ""

	clew, generator, peers string // these programs, beside this one

	Round   int                      // 0 is the first
	Results map[string]report.Result // of this round, by row
	row     string                   // that is measured

	loadBefore  string
	redisURL    string
	loaded      map[string]bool // streams
	postgresURL string
	prepared    map[floor.Kind]error
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
		peers:      filepath.Join(filepath.Dir(self), "peers"),
		loadBefore: report.LoadAverage(), loaded: map[string]bool{}, prepared: map[floor.Kind]error{},
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
	return append(report.Machine(ctx, b.loadBefore, b.postgresURL),
		"Redis of the message rows: on a Unix socket, without persistence; of the orders: of `clew up`.",
		"Postgres waits for the disk (fsync on), and so does SQLite (WAL, synchronous FULL).",
		fmt.Sprintf("Spans queue up to %d, as in production; in consume_sampled_all and publish_sampled_all", productionQueue),
		fmt.Sprintf("up to %d, and their time ends with the export of the last one.", bigQueue),
		fmt.Sprintf("Orders: %d connections, at most %d orders accepted and not finished.", work.Connections, work.UnfinishedOrders),
	)
}

// Child is the whole of a child process, and returns its exit code.
func Child(ctx context.Context) int { return child.Main(ctx, roles()) }

// roles are what a child can be.
func roles() child.Roles {
	return child.Roles{
		"floor_consume":   floor.Consume,
		"consume":         runConsume,
		"hold":            runHold,
		"floor_publish":   floor.Publish,
		"publish":         runPublish,
		"generate":        work.Generate,
		"floor_open_loop": floor.OpenLoop,
		"open_loop":       runOpenLoop,
		"floor_orders":    floor.Orders,
		"growth_claim":    growth.Claim,
		"growth_sample":   growth.Sample,
		"growth_purge":    growth.Purge,
		"growth_replay":   growth.Replay,
		"sink":            runSink,
		"noop":            runNoop,
	}
}
