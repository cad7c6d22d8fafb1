// Command bench measures what Clew costs, in rows that are explained in docs/performance.md: each is divided by the same
// work done bare, in the same round on the same machine. It starts the servers that it needs. What is measured runs in
// a process of its own, which is this program again.
//
// The rows are in internal/row, a file for each kind of them. What they are divided by is in internal/floor, and what both do
// alike in internal/work. internal/growth has operations that meet a backlog, for --growth. internal/child starts processes, and
// internal/report prints what they came to, and draws charts.
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

	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
	"example.com/clew/test/bench/internal/row"
)

const second = time.Second

var (
	full = row.Sizes{
		Rounds: 5, Messages: 200_000, Peers: 20_000, OpenLoop: 10 * second, WarmUp: 2 * second, Orders: 10 * second, Idle: 20 * second,
		Generate: 5 * second, Soak: 20 * second, Backlog: 1_000_000,
	}
	brief = row.Sizes{
		Rounds: 1, Messages: 20_000, Peers: 2_000, OpenLoop: second, WarmUp: second, Orders: second, Idle: 2 * second,
		Generate: second, Soak: second, Backlog: 10_000,
	}
)

func main() { os.Exit(run()) }

// run returns 0 also where a target is missed: that is a number to report. It returns 1 if something did not work.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if len(os.Args) == 2 && os.Args[1] == child.Argument {
		return row.Child(ctx)
	}
	short := flag.Bool("brief", false, "one short round, to see that everything works")
	rounds := flag.Int("rounds", 0, "how many `rounds`; medians are of these (default 5, brief 1)")
	only := flag.String("only", "", "measure the rows that this regular `expression` matches, and their floors")
	growth := flag.Bool("growth", false, "measure how cost grows with work, instead of the usual rows")
	charts := flag.String("charts", "", "measure nothing: draw the rows of --growth, in the file BENCH_JSON, into this `folder`")
	profile := flag.String("profile", "", "write CPU profiles of the first round to this `folder`; they slow what they profile")
	flag.Parse()

	if *charts != "" {
		return exitCode(draw(*charts))
	}
	sizes := full
	if *short {
		sizes = brief
	}
	if *rounds > 0 {
		sizes.Rounds = *rounds
	}
	table := row.Rows()
	if *growth {
		table = row.Growth(sizes)
	}
	return exitCode(measure(ctx, sizes, table, *only, *profile))
}

func exitCode(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

func draw(folder string) error {
	lines, err := report.ReadJSON(os.Getenv("BENCH_JSON"))
	if err != nil {
		return err
	}
	return report.WriteCharts(folder, lines)
}

func measure(ctx context.Context, sizes row.Sizes, table []row.Row, only, profile string) (err error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	selected := row.Choose(table, pattern)
	if len(selected) == 0 {
		return fmt.Errorf("--only %q matches no row: %v", only, row.Names(table))
	}
	b, err := row.NewBench(sizes, profile)
	if err != nil {
		return err
	}
	defer b.Close()

	all := make([]report.Series, len(selected))
	for i, r := range selected {
		all[i].Row = r.Row
	}
	for b.Round = range sizes.Rounds {
		b.Results = map[string]report.Result{}
		for i, r := range selected {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", b.Round+1, sizes.Rounds, r.Name)
			result, err := r.Measure(ctx, b)
			all[i].Add(result, err, b.Results)
			if ctx.Err() != nil {
				return fmt.Errorf("interrupted in round %d", b.Round+1)
			}
		}
	}
	report.Print(os.Stdout, all, b.Machine(ctx))
	if path := os.Getenv("BENCH_JSON"); path != "" {
		if err := report.WriteJSON(path, all); err != nil {
			return err
		}
	}
	return report.Failures(all)
}
