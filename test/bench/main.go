// Command bench measures what Clew costs, in rows that are explained in docs/performance.md: each is divided by the same
// work done bare, in the same round on the same machine. It starts the servers that it needs. What is measured runs in
// a process of its own, which is this program again (child.go).
//
// Files by kind of row: consume.go, publish.go, openloop.go, orders.go with bareloop.go and statements.go, idle.go,
// generator.go.
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"
)

// sizes are how much each row measures.
type sizes struct {
	rounds   int
	messages int           // consumed or published by a row
	openLoop time.Duration // of the open loop, after its warm-up
	warmUp   time.Duration // of a loop of orders
	orders   time.Duration // of it, after that
	idle     time.Duration
	generate time.Duration // of the load test's generator, after its warm-up
	soak     time.Duration // of it, twice
}

const second = time.Second

var (
	full = sizes{
		rounds: 5, messages: 200_000, openLoop: 10 * second, warmUp: 2 * second, orders: 10 * second, idle: 20 * second,
		generate: 5 * second, soak: 20 * second,
	}
	brief = sizes{
		rounds: 1, messages: 20_000, openLoop: second, warmUp: second, orders: second, idle: 2 * second,
		generate: second, soak: second,
	}
)

func main() { os.Exit(run()) }

// run returns 0 also where a target is missed: that is a number to report. It returns 1 if something did not work.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if len(os.Args) == 2 && os.Args[1] == "child" {
		return childMain(ctx)
	}
	short := flag.Bool("brief", false, "one short round, to see that everything works")
	rounds := flag.Int("rounds", 0, "how many `rounds`; medians are of these (default 5, brief 1)")
	only := flag.String("only", "", "measure the rows that this regular `expression` matches, and their floors")
	profile := flag.String("profile", "", "write CPU profiles of the first round to this `folder`; they slow what they profile")
	flag.Parse()

	sizes := full
	if *short {
		sizes = brief
	}
	if *rounds > 0 {
		sizes.rounds = *rounds
	}
	if err := measure(ctx, sizes, *only, *profile); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

func measure(ctx context.Context, sizes sizes, only, profile string) (err error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	selected := choose(pattern)
	if len(selected) == 0 {
		return fmt.Errorf("--only %q matches no row: %v", only, slices.Sorted(maps.Keys(byName())))
	}
	b, err := newBench(sizes, profile)
	if err != nil {
		return err
	}
	defer b.close()

	all := make([]series, len(selected))
	for i, r := range selected {
		all[i].row = r
	}
	for b.round = range sizes.rounds {
		b.results = map[string]result{}
		for i, r := range selected {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", b.round+1, sizes.rounds, r.name)
			b.row = r.name
			all[i].add(ctx, b)
			if ctx.Err() != nil {
				return fmt.Errorf("interrupted in round %d", b.round+1)
			}
		}
	}
	report(os.Stdout, all, b.machine(ctx))
	if path := os.Getenv("BENCH_JSON"); path != "" {
		if err := writeJSON(path, all); err != nil {
			return err
		}
	}
	return failures(all)
}

// A bench has what the rows share. Servers start when the first row needs them.
type bench struct {
	sizes   sizes
	dir     string // for everything temporary
	self    string // this program
	profile string // the folder for profiles, or ""

	clew, generator string // these programs, beside this one

	round   int
	row     string            // that is measured
	results map[string]result // of this round

	loadBefore  string
	redisURL    string
	loaded      map[string]bool // streams
	postgresURL string
	prepared    map[kind]error
	closers     []func()
}

func newBench(sizes sizes, profile string) (*bench, error) {
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
	return &bench{
		sizes: sizes, dir: dir, self: self, profile: profile,
		clew: filepath.Join(filepath.Dir(self), "clew"), generator: filepath.Join(filepath.Dir(self), "generator"),
		loadBefore: loadAverage(), loaded: map[string]bool{}, prepared: map[kind]error{},
		closers: []func(){func() { _ = os.RemoveAll(dir) }},
	}, nil
}

func (b *bench) close() {
	for _, closer := range slices.Backward(b.closers) {
		closer()
	}
}

// profileOf is the file for a profile of what runs now, or "".
func (b *bench) profileOf(name string) string {
	if b.profile == "" || b.round > 0 {
		return ""
	}
	return filepath.Join(b.profile, name+".pprof")
}
