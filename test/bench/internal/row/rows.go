package row

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/floor"
	"example.com/clew/test/bench/internal/report"
)

// A Row is one line of the table, and how it is measured.
type Row struct {
	report.Row
	needs   string // a row that must be measured before, because measure takes its result
	measure measureFunc
}

// Measure measures one round of it.
func (r Row) Measure(ctx context.Context, b *Bench) (report.Result, error) {
	b.row = r.Name
	return r.measure(ctx, b)
}

// A measureFunc measures one round of a row.
type measureFunc func(context.Context, *Bench) (report.Result, error)

// Rows are the table, in the order in which a round measures them.
func Rows() []Row {
	const perSecond, ordersPerSecond = "messages/s", "orders/s"
	return []Row{
		{Row: report.Row{Name: "floor_consume", Unit: perSecond},
			measure: throughput("floor_consume", streamSampled, child.TelemetryOff)},
		{Row: report.Row{Name: "consume_off", Unit: perSecond, Floor: "floor_consume", Target: 0.95},
			measure: throughput("consume", streamSampled, child.TelemetryOff)},
		{Row: report.Row{Name: "consume_metrics", Unit: perSecond, Floor: "floor_consume", Target: 0.85},
			measure: throughput("consume", streamSampled, child.MetricsOnly)},
		{Row: report.Row{Name: "consume_sampled_10", Unit: perSecond, Floor: "floor_consume", Target: 0.75},
			measure: exporting("consume", streamTenth, 10, productionQueue)},
		{Row: report.Row{Name: "consume_spans_discarded", Unit: perSecond, Floor: "floor_consume", Target: 0.50},
			measure: discarding("consume", streamSampled)},
		{Row: report.Row{Name: "consume_sampled_all", Unit: perSecond, Floor: "floor_consume", Target: 0.45},
			measure: exporting("consume", streamSampled, 1, bigQueue)},
		{Row: report.Row{Name: "partitions_64", Unit: perSecond, Floor: "consume_metrics", Target: 0.80},
			measure: throughput("consume", streamPartitioned, child.MetricsOnly)},
		{Row: report.Row{Name: "held_memory", Unit: "bytes/message"}, measure: throughput("hold", streamHeld, child.MetricsOnly)},
		{Row: report.Row{Name: "peer_watermill_consume", Unit: perSecond, Floor: "floor_consume"}, measure: peer("watermill", "consume")},
		{Row: report.Row{Name: "peer_watermill_16_consume", Unit: perSecond, Floor: "floor_consume"},
			measure: peer("watermill-16", "consume")},
		{Row: report.Row{Name: "peer_asynq_consume", Unit: perSecond, Floor: "floor_consume"}, measure: peer("asynq", "consume")},

		{Row: report.Row{Name: "floor_publish", Unit: perSecond},
			measure: throughput("floor_publish", streamPublished, child.TelemetryOff)},
		{Row: report.Row{Name: "publish_sampled_10", Unit: perSecond, Floor: "floor_publish", Target: 0.75},
			measure: exporting("publish", streamPublished, 10, productionQueue)},
		{Row: report.Row{Name: "publish_sampled_all", Unit: perSecond, Floor: "floor_publish", Target: 0.45},
			measure: exporting("publish", streamPublished, 1, bigQueue)},
		{Row: report.Row{Name: "peer_watermill_publish", Unit: perSecond, Floor: "floor_publish"}, measure: peer("watermill", "publish")},
		{Row: report.Row{Name: "peer_asynq_publish", Unit: perSecond, Floor: "floor_publish"}, measure: peer("asynq", "publish")},

		{Row: report.Row{Name: "floor_open_loop_p99", Unit: "ms"}, measure: openLoop("floor_open_loop", child.TelemetryOff)},
		{Row: report.Row{Name: "open_loop_p99", Unit: "ms", Floor: "floor_open_loop_p99", Target: 1.5, AtMost: true},
			measure: openLoop("open_loop", child.MetricsAndSpans)},

		{Row: report.Row{Name: "floor_orders_postgres", Unit: ordersPerSecond}, measure: bareOrders(floor.Postgres)},
		{Row: report.Row{Name: "orders_postgres_sampled_all", Unit: ordersPerSecond, Floor: "floor_orders_postgres", Target: 0.60},
			measure: orders(floor.Postgres)},
		{Row: report.Row{Name: "floor_orders_sqlite", Unit: ordersPerSecond}, measure: bareOrders(floor.SQLite)},
		{Row: report.Row{Name: "orders_sqlite_sampled_all", Unit: ordersPerSecond, Floor: "floor_orders_sqlite", Target: 0.65},
			measure: orders(floor.SQLite)},
		{Row: report.Row{Name: "orders_sqlite_telemetry_off", Unit: ordersPerSecond},
			measure: orders(floor.SQLite, nothingRecorded...)},
		{Row: report.Row{Name: "orders_telemetry_cost", Unit: ordersPerSecond, Floor: "orders_sqlite_telemetry_off", Target: 0.92},
			needs: "orders_sqlite_sampled_all", measure: again("orders_sqlite_sampled_all")},

		// The services, Redis, and the viewer, which scrapes all of them every 2 s and evaluates every rule every 5 s.
		{Row: report.Row{Name: "idle_cpu", Unit: "% of a core", Target: 1, AtMost: true}, measure: idleCPU},

		{Row: report.Row{Name: "floor_generator_http", Unit: "requests/s"}, measure: generator("bare-http", offering)},
		{Row: report.Row{Name: "generator_http", Unit: "requests/s", Floor: "floor_generator_http", Target: 20_000, OfValue: true},
			measure: generator("http", offering)},
		{Row: report.Row{Name: "floor_generator_late_p99", Unit: "ms"}, measure: generator("bare-late", offering)},
		{Row: report.Row{Name: "generator_late_p99", Unit: "ms", Floor: "floor_generator_late_p99", Target: 1, OfValue: true, AtMost: true},
			measure: generator("late", offering)},
		{Row: report.Row{Name: "floor_generator_stream", Unit: "events/s"}, measure: generator("bare-stream", offering)},
		{Row: report.Row{Name: "generator_stream", Unit: "events/s", Floor: "floor_generator_stream", Target: 100_000, OfValue: true},
			measure: generator("stream", offering)},
		{Row: report.Row{Name: "generator_memory", Unit: "bytes/order", Target: 16, AtMost: true},
			measure: generator("soak", soaking)},
	}
}

// again takes what another row measured in this round.
func again(name string) measureFunc {
	return func(_ context.Context, b *Bench) (report.Result, error) {
		r, ok := b.Results[name]
		if !ok {
			return r, fmt.Errorf("%s has no result in this round", name)
		}
		return r, nil
	}
}

// Names are the rows' names, sorted.
func Names(table []Row) []string { return slices.Sorted(maps.Keys(byName(table))) }

func byName(table []Row) map[string]Row {
	named := map[string]Row{}
	for _, r := range table {
		named[r.Name] = r
	}
	return named
}

// Choose returns the rows of a table that match and those that they need, in the table's order.
func Choose(table []Row, pattern *regexp.Regexp) []Row {
	named, wanted := byName(table), map[string]bool{}
	var want func(name string)
	want = func(name string) {
		if r, ok := named[name]; ok && !wanted[name] {
			wanted[name] = true
			want(r.Floor)
			want(r.needs)
		}
	}
	for name := range named {
		if pattern.MatchString(name) {
			want(name)
		}
	}
	return slices.DeleteFunc(slices.Clone(table), func(r Row) bool { return !wanted[r.Name] })
}
