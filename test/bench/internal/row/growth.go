package row

import (
	"context"
	"fmt"

	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/floor"
	"example.com/clew/test/bench/internal/report"
)

// Growth are the rows that measure how cost grows with work: a table of its own, because it takes long. Within a series only
// one thing grows; what is measured first is the floor of the others, so that each ratio says by how much they are more.
func Growth(s Sizes) []Row {
	var table []Row
	series := func(name, unit, of string, xs []int, measure func(x int) measureFunc) {
		for _, x := range xs {
			r := Row{Row: report.Row{Name: growthName(name, x), Unit: unit, X: x, Of: of}, measure: measure(x)}
			if x != xs[0] {
				r.Floor = growthName(name, xs[0])
			}
			table = append(table, r)
		}
	}
	series("growth_partitions", "messages/s", "partitions", []int{1, 8, 64}, partitioned)
	series("growth_replicas", "orders/s", "replicas of inventory", []int{1, 2, 4}, func(replicas int) measureFunc {
		return replicatedOrders(floor.Postgres, replicas)
	})
	var backlogs []int
	for n := 1000; n <= s.Backlog; n *= 10 {
		backlogs = append(backlogs, n)
	}
	for _, operation := range [...]string{"growth_claim", "growth_sample"} {
		series(operation, "ms", "entries", backlogs, onStream(operation))
	}
	for _, operation := range [...]string{"growth_purge", "growth_replay"} {
		series(operation, "ms", "rows", backlogs, onOutbox(operation))
	}
	return table
}

func growthName(series string, x int) string { return fmt.Sprintf("%s_%d", series, x) }

// partitioned is consume_metrics, for a stream of so many partitions.
func partitioned(partitions int) measureFunc {
	stream := map[int]string{1: streamSampled, 8: streamFew, 64: streamPartitioned}[partitions]
	return throughput("consume", stream, child.MetricsOnly)
}

// onStream measures an operation on a stream with so many entries, in a child that fills and removes it.
func onStream(operation string) func(backlog int) measureFunc {
	return func(backlog int) measureFunc {
		return func(ctx context.Context, b *Bench) (report.Result, error) {
			url, err := b.redis(ctx, "")
			if err != nil {
				return report.Result{}, err
			}
			return child.Run(ctx, child.Job{
				Role: operation, RedisURL: url, Stream: b.row, Group: b.row, Backlog: backlog,
			})
		}
	}
}

// onOutbox measures an operation on an outbox with so many rows, in a child that fills it.
func onOutbox(operation string) func(backlog int) measureFunc {
	return func(backlog int) measureFunc {
		return func(ctx context.Context, b *Bench) (report.Result, error) {
			url, err := b.redis(ctx, "")
			if err != nil {
				return report.Result{}, err
			}
			databases, err := b.emptyDatabases(ctx, floor.Postgres, fmt.Sprintf("%s_%d", b.row, b.Round))
			if err != nil {
				return report.Result{}, err
			}
			return child.Run(ctx, child.Job{
				Role: operation, RedisURL: url, Databases: databases, Backlog: backlog,
			})
		}
	}
}
