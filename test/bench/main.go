// Command bench measures what Clew costs, in rows that are explained in docs/performance.md: each is divided by the same
// work done bare, in the same round on the same machine. It starts the servers that it needs. What is measured runs in
// a process of its own, which is this program again.
//
// Files by kind of row: consume.go, publish.go, openloop.go, orders.go, idle.go, generator.go; what they are divided by:
// floor_consume.go, floor_publish.go, floor_openloop.go, bareloop.go with statements.go.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

const second = time.Second

var (
	full = Sizes{
		Rounds: 5, Messages: 200_000, OpenLoop: 10 * second, WarmUp: 2 * second, Orders: 10 * second, Idle: 20 * second,
		Generate: 5 * second, Soak: 20 * second,
	}
	brief = Sizes{
		Rounds: 1, Messages: 20_000, OpenLoop: second, WarmUp: second, Orders: second, Idle: 2 * second,
		Generate: second, Soak: second,
	}
)

func main() { os.Exit(run()) }

// run returns 0 also where a target is missed: that is a number to report. It returns 1 if something did not work.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if len(os.Args) == 2 && os.Args[1] == Argument {
		return Child(ctx)
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
		sizes.Rounds = *rounds
	}
	if err := measure(ctx, sizes, *only, *profile); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

func measure(ctx context.Context, sizes Sizes, only, profile string) (err error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	selected := Choose(pattern)
	if len(selected) == 0 {
		return fmt.Errorf("--only %q matches no row: %v", only, Names())
	}
	b, err := NewBench(sizes, profile)
	if err != nil {
		return err
	}
	defer b.Close()

	all := make([]Series, len(selected))
	for i, r := range selected {
		all[i].Line = r.Line
	}
	for b.Round = range sizes.Rounds {
		b.Results = map[string]Result{}
		for i, r := range selected {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", b.Round+1, sizes.Rounds, r.Name)
			result, err := r.Measure(ctx, b)
			all[i].Add(result, err, b.Results)
			if ctx.Err() != nil {
				return fmt.Errorf("interrupted in round %d", b.Round+1)
			}
		}
	}
	Print(os.Stdout, all, b.Machine(ctx))
	if path := os.Getenv("BENCH_JSON"); path != "" {
		if err := WriteJSON(path, all); err != nil {
			return err
		}
	}
	return Failures(all)
}
